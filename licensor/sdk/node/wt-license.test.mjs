// Holds the verifier to the vectors that the Rust crate is held to, and to what no file can say: that it never throws.
// `node --test` in this folder runs it, and `cargo test -p wt-licensor` does.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import {
  KINDS, WatchedLicense, checkLicense, covers, explain, hasModule, isLicensed, judgeAll, parseSnapshot, publicKey,
  verifyEd25519,
} from './wt-license.mjs'

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url)))
const vectors = read('verdicts.json')
const textOf = (lines) => lines.map((line) => vectors.lines[line]).join('\n')
const text = (name) => textOf(vectors.texts[name])
const first = vectors.cases[0]

/** A folder with the files of a case, for as long as `work` takes. */
function onSite(files, work) {
  const folder = mkdtempSync(join(tmpdir(), 'wt-license-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      if (content === null) mkdirSync(join(folder, name))
      else writeFileSync(join(folder, name), text(content))
    }
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const inputsOf = (folder, { trust, product, release, now }) => ({
  license: join(folder, 'license.json'), snapshot: join(folder, 'host.json'), bootId: join(folder, 'boot_id'),
  trust: text(trust), product, release, now: Date.parse(now),
})

for (const vector of vectors.cases) {
  test(`vector: ${vector.name}`, () => {
    const [verdict, words] = onSite(vector.files, (folder) => {
      const inputs = inputsOf(folder, vector)
      const said = vector.host
        ? checkLicense(inputs)
        : judgeAll([{ name: 'license.json', bytes: readFileSync(inputs.license) }], {}, inputs)
      const onSiteOf = (text) => text.replaceAll(folder, '/site')
      return [JSON.parse(onSiteOf(JSON.stringify(said))), onSiteOf(explain(said))]
    })
    assert.deepEqual(verdict, { ...first.verdict, ...vector.verdict })
    assert.equal(words, textOf(vector.words))
  })
}

test('the fields of a verdict stand in the order of the Rust crate', () => {
  assert.equal(vectors.cases.length > 100, true)
  const names = onSite(first.files, (folder) => Object.keys(checkLicense(inputsOf(folder, first))))
  assert.deepEqual([...names].sort(), Object.keys(first.verdict).sort())
})

test('kinds of components are those of the Rust crate', () => {
  const kinds = Object.entries(KINDS).map(([kind, { mostTags, digits, anyIsEnough }]) => [kind, mostTags, digits, anyIsEnough])
  const known = vectors.kinds.map(([kind]) => kind)
  assert.deepEqual(kinds.filter(([kind]) => known.includes(kind)), vectors.kinds)
})

test('releases are met as Cargo meets them', () => {
  for (const [requirement, met] of vectors.requirements) {
    const found = vectors.releases.filter((release) => requirement !== '*' && covers(requirement, release))
    if (requirement !== '*') assert.deepEqual(found, met ?? [], `\`${requirement}\``)
  }
  assert.equal(covers('*', 'banana'), true)
})

for (const { source, public: raw, key: isKey, message, signature, valid } of read('ed25519.json')) {
  test(`Ed25519: ${source}`, () => {
    const bytes = (hex) => Buffer.from(hex, 'hex')
    const key = publicKey(bytes(raw))
    assert.equal(key !== undefined, isKey, 'the key by itself')
    assert.equal(key !== undefined && verifyEd25519(key, bytes(message), bytes(signature)), valid)
  })
}

const judged = (bytes) => {
  const host = { snapshot: parseSnapshot(Buffer.from(text(first.files['host.json'])), 'host.json') }
  return judgeAll([{ name: 'license.json', bytes }], host, inputsOf('', first))
}

test('a flipped bit of every byte, and every cut of a license, is refused', () => {
  const good = Buffer.from(text(first.files['license.json']))
  assert.equal(judged(good).state, 'MATCH')
  for (let at = 0; at < good.length; at += 1) {
    assert.equal(judged(good.subarray(0, at)).state, 'UNTRUSTED', `cut at ${at}`)
    const bad = Buffer.from(good)
    bad[at] ^= 1 << (at % 8)
    assert.equal(judged(bad).state, 'UNTRUSTED', `byte ${at}`)
  }
})

test('a flipped bit of every byte, and every cut of a snapshot, is some verdict, and none is an error of ours', () => {
  const good = Buffer.from(text(first.files['host.json']))
  onSite(first.files, (folder) => {
    const inputs = inputsOf(folder, first)
    const reason = (bytes) => {
      writeFileSync(inputs.snapshot, bytes)
      return checkLicense(inputs).reason
    }
    for (let at = 0; at < good.length; at += 1) {
      assert.equal(reason(good.subarray(0, at)), 'SNAPSHOT_UNREADABLE', `cut at ${at}`)
      const bad = Buffer.from(good)
      bad[at] ^= 1 << (at % 8)
      assert.notEqual(reason(bad), 'INTERNAL', `byte ${at}`)
    }
  })
})

test('of a trust document with very many roots none is decoded', () => {
  // more than are remembered, so that each would be decoded again
  const keys = Array.from({ length: 65 }, () => generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }))
  const roots = Array.from({ length: 20_000 }, (_, i) => keys[i % keys.length].toString('base64'))
  const lines = text(first.files['license.json']).split('\n')
  const genuine = JSON.parse(lines[2])
  const document = { ...JSON.parse(Buffer.from(genuine.payload, 'base64')), roots }
  const envelope = { ...genuine, payload: Buffer.from(JSON.stringify(document)).toString('base64'), signatures: [] }
  lines.splice(2, 0, JSON.stringify(envelope))
  const verdict = judged(Buffer.from(lines.join('\n')))
  // not what is said of roots that were decoded
  const detail = 'the content of the signed trust document is not valid'
  assert.deepEqual([verdict.state, verdict.reason, verdict.detail], ['UNTRUSTED', 'FORMAT', detail])
  const crowd = JSON.stringify({ ...genuine, signatures: Array(20_000).fill(genuine.signatures[0]) })
  assert.equal(judged(Buffer.from([...lines.slice(0, 2), crowd, ''].join('\n'))).reason, 'FORMAT')
})

test('of too many files the named one counts and the newest others', () => {
  onSite(first.files, (folder) => {
    const write = (name, day) => {
      writeFileSync(join(folder, name), 'nonsense')
      utimesSync(join(folder, name), day * 86400, day * 86400)
    }
    utimesSync(join(folder, 'license.json'), 86400, 86400)
    // the first ten are as old as each other, and older than the rest
    for (let number = 10; number < 50; number += 1) write(`license-${number}.json`, number < 20 ? 2 : number)
    const numbered = (start, end) => Array.from({ length: end - start }, (_, i) => `license-${i + start}.json`)
    const named = checkLicense(inputsOf(folder, first))
    assert.equal(named.state, 'MATCH')
    assert.deepEqual(named.others.map(({ file }) => file), [...numbered(10, 11), ...numbered(20, 50)])
    const { others } = checkLicense({ ...inputsOf(folder, first), license: folder })
    assert.equal(others.length, 31, 'and the best of them, none of which was named')
    assert.equal(others.every(({ file }) => [...numbered(10, 12), ...numbered(20, 50)].includes(file)), true)
  })
})

test('it never throws, whatever it is given', () => {
  const wrong = [undefined, null, 7, 'x', {}, [], { license: 7 }, { license: '/', snapshot: '\0', trust: {} },
    { license: '\0', snapshot: null }, { license: '/dev/zero', snapshot: '/dev/zero', bootId: '/dev/zero/x', trust: 'x' },
    { ...inputsOf('/nowhere', first), now: Number.NaN }, { ...inputsOf('/nowhere', first), now: -1e20 }]
  for (const inputs of wrong) {
    const verdict = checkLicense(inputs)
    assert.equal(isLicensed(verdict), false)
    assert.equal(typeof explain(verdict), 'string')
    assert.equal(hasModule(verdict, 'wiki'), false)
    assert.equal(isLicensed(new WatchedLicense(inputs).verdict()), false)
  }
})

test('roots that cannot be used believe nobody', () => {
  onSite(first.files, (folder) => {
    for (const trust of ['', 'x', '{}', text(first.files['license.json'])]) {
      const verdict = checkLicense({ ...inputsOf(folder, first), trust })
      assert.deepEqual([verdict.state, verdict.reason], ['UNTRUSTED', 'ISSUER_UNKNOWN'])
    }
  })
})

test('modules are those of the license, while the product is to work', () => {
  const of = (name) => {
    const vector = vectors.cases.find((vector) => vector.name === name)
    const verdict = onSite(vector.files, (folder) => checkLicense(inputsOf(folder, vector)))
    return ['wiki', 'forms', 'other'].map((module) => hasModule(verdict, module))
  }
  assert.deepEqual(of('the machine itself'), [true, true, false])
  assert.deepEqual(of('a customer of 200 characters'), [true, true, true], 'all of them')
  assert.deepEqual(of('another machine'), [false, false, false])
})

test('a file that changes is read again, without a restart', () => {
  onSite(first.files, (folder) => {
    const { now, ...inputs } = inputsOf(folder, first)
    const license = new WatchedLicense({ ...inputs, now })
    assert.equal(license.verdict().state, 'MATCH')
    assert.equal(license.verdict(), license.verdict(), 'nothing changed: nothing is read')
    const seen = []
    const end = license.watch((verdict, before) => seen.push(`${before.state} ${verdict.state}`), 1)
    writeFileSync(join(folder, 'new.json'), 'nonsense')
    renameSync(join(folder, 'new.json'), inputs.license)
    assert.equal(license.verdict().state, 'UNTRUSTED')
    writeFileSync(join(folder, 'license-2.json'), text(first.files['license.json']))
    assert.equal(license.verdict().state, 'MATCH')
    assert.deepEqual(license.verdict().others, [{ file: 'license.json', state: 'UNTRUSTED', reason: 'FORMAT' }])
    end()
  })
})

// ---------------------------------------------------------------- the types, wt-license.d.ts

const source = readFileSync(new URL('wt-license.mjs', import.meta.url), 'utf8')
const types = readFileSync(new URL('wt-license.d.ts', import.meta.url), 'utf8').replace(/\/\*\*.*?\*\//gs, '').replace(/\/\/.*/g, '')

/** What they call `name`, without `export`: the text from its braces or its equals sign to its end. */
const unions = new Map([...types.matchAll(/^export type (\w+) =(.*?)\n\n/gms)].map(([, name, text]) => [name, text]))
const interfaces = new Map([...types.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)].map(([, name, text]) => {
  const fields = [...text.matchAll(/^ {2}(?:readonly )?(\w+)(\?)?: (.*)$/gm)]
  return [name, new Map(fields.map(([, field, optional, type]) => [field, { optional: optional === '?', type }]))]
}))

/** Parts of a union, but not of one in braces or brackets. */
const partsOf = (type) => type.trim().replace(/^\|/, '').split(/\|(?![^{(]*[})])/).map((part) => part.trim())

function conforms(value, type) {
  return partsOf(type).some((part) => {
    if (part.endsWith('[]')) return Array.isArray(value) && value.every((one) => conforms(one, part.slice(0, -2)))
    if (part.startsWith("'")) return `'${value}'` === part
    if (part === 'null') return value === null
    if (['string', 'number', 'boolean'].includes(part)) return typeof value === part
    if (unions.has(part)) return conforms(value, unions.get(part))
    const inline = part.startsWith('{') && new Map([...part.matchAll(/(\w+): ([^;}]+)/g)].map(([, name, type]) => [name, { type: type.trim() }]))
    const fields = inline || interfaces.get(part)
    assert.ok(fields, `a type that this test does not know: ${part}`)
    const isField = ([name, one]) => fields.has(name) && conforms(one, fields.get(name).type)
    const isThere = ([name, { optional }]) => optional || name in value
    return value !== null && typeof value === 'object' && Object.entries(value).every(isField) && [...fields].every(isThere)
  })
}

test('every verdict is of the type that is declared', () => {
  const verdicts = vectors.cases.map((vector) => ({ ...first.verdict, ...vector.verdict, licensed: true }))
  for (const [i, verdict] of verdicts.entries()) assert.ok(conforms(verdict, 'Verdict'), vectors.cases[i].name)
  const [good] = verdicts
  for (const wrong of [{ state: 'MATCHES' }, { reason: null }, { days_left: '1' }, { others: [{}] }, { more: 1 }, { components: [1] },
    { license: { ...good.license, seats: null } }]) {
    assert.equal(conforms({ ...good, ...wrong }, 'Verdict'), false, JSON.stringify(wrong))
  }
  const { node, ...less } = good
  assert.equal(conforms(less, 'Verdict'), false, `without ${node}`)
  const said = new Set(verdicts.map(({ reason }) => `'${reason}'`).concat("'INTERNAL'"))
  assert.deepEqual(partsOf(unions.get('Reason')).sort(), [...said].sort())
  assert.deepEqual(partsOf(unions.get('State')).sort(), [...new Set(verdicts.map(({ state }) => `'${state}'`))].sort())
})

test('what is declared is there, with the parameters that are declared', () => {
  const names = (parameters) => parameters.replace(/\{[^}]*\}|<[^>]*>|\([^)]*\) => \w+/g, '').split(',')
    .map((parameter) => /^\s*(\w+)/.exec(parameter)?.[1]).filter(Boolean)
  const functions = (text, pattern) => [...text.matchAll(pattern)].map(([, name, parameters]) => `${name}(${names(parameters)})`).sort()
  const declared = functions(types, /^export function (\w+)\((.*?)\): \w+$/gms)
  assert.deepEqual(declared, ['checkLicense(inputs)', 'explain(verdict)', 'hasModule(verdict,name)', 'isLicensed(verdict)',
    'judgeAll(candidates,host,inputs)'])
  const written = functions(source, /^export function (\w+)\((.*?)\) \{$/gm)
  // the rest is for this file
  const internal = ['covers(releases,release)', 'parseSnapshot(bytes,path)', 'publicKey(raw)', 'verifyEd25519(key,message,signature)']
  assert.deepEqual(written, [...declared, ...internal].sort())
  const methods = functions(/^export class WatchedLicense \{\n(.*?)^\}/ms.exec(types)[1], /^ {2}(\w+)\((.*?)\)(?:: .*)?$/gm)
  assert.deepEqual(methods, ['constructor(inputs)', 'verdict()', 'watch(changed,everyMilliseconds)'])
  const body = /^export class WatchedLicense \{\n(.*?)^\}/ms.exec(source)[1]
  assert.deepEqual(functions(body, /^ {2}(\w+)\((.*?)(?: = .*)?\) \{$/gm), methods)
})

test('what is asked for is what is declared', () => {
  const asked = new Set()
  onSite(first.files, (folder) => {
    const watched = new Proxy(inputsOf(folder, first), { get: (inputs, name) => (asked.add(name), inputs[name]) })
    assert.equal(checkLicense(watched).state, 'MATCH')
  })
  assert.deepEqual([...asked].sort(), [...interfaces.get('Inputs').keys()].sort())
})

test('an OpenSSL that knows no Ed25519, or says yes to everything, makes nobody licensed', () => {
  for (const answer of ['false', 'true', "(() => { throw new Error('unsupported') })()"]) {
    const crippled = source.replace("import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'",
      `import { createHash, createPublicKey } from 'node:crypto'; const verifySignature = () => ${answer}`)
    assert.notEqual(crippled, source)
    onSite(first.files, (folder) => {
      writeFileSync(join(folder, 'crippled.mjs'), crippled)
      const inputs = JSON.stringify({ ...inputsOf(folder, first), host: true })
      const line = `import { checkLicense } from './crippled.mjs'; console.log(JSON.stringify(checkLicense(${inputs})))`
      const said = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', line], { cwd: folder }))
      assert.deepEqual([said.state, said.reason], ['UNREADABLE', 'INTERNAL'], answer)
    })
  }
})

test('it needs nothing but the standard library, and of that neither processes nor connections', () => {
  const imports = [...source.matchAll(/^import .* from '(.*)'$/gm)].map(([, module]) => module)
  assert.deepEqual(imports, ['node:crypto', 'node:fs', 'node:path'])
  assert.doesNotMatch(source, /\brequire\(|\bimport\(|\bfetch\(|\beval\(|\bFunction\(/)
})
