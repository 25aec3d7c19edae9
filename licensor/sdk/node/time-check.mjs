// For the benchmark: how long the check takes on the files of FOLDER, the first time in a process and afterwards, in
// microseconds.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { checkLicense, explain, isLicensed } from './wt-license.mjs'

const folder = process.argv[2]
const inputs = {
  license: join(folder, 'license.json'), snapshot: join(folder, 'host.json'), bootId: join(folder, 'boot_id'),
  trust: readFileSync(join(folder, 'trust.json')), product: 'acme', now: Date.parse('2026-11-23T08:00:00Z'),
}

function timed() {
  const begin = process.hrtime.bigint()
  const verdict = checkLicense(inputs)
  return [Number(process.hrtime.bigint() - begin) / 1000, verdict]
}

const [first, verdict] = timed()
if (!isLicensed(verdict)) throw new Error(explain(verdict))
const again = Array.from({ length: 200 }, () => timed()[0]).sort((a, b) => a - b)
console.log(Math.round(first), Math.round(again[100]))
