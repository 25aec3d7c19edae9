// The check of a license inside a product that runs on Node.js 18 or later: one file, without a dependency.
//
//   import { WatchedLicense, explain, hasModule } from './wt-license.mjs'
//   const license = new WatchedLicense({ license: '/conf/license.json', snapshot: '/run/wt/host.json',
//                                        trust: ROOTS, product: 'worktile', release: '5.2.0' })
//   const verdict = license.verdict()            // whenever it matters; reads files only when they have changed
//   if (!verdict.licensed) console.warn(explain(verdict))
//
// ROOTS is the text of the vendor's `trust.json`, built into the product: in a file beside the product it would invite swapping.
//
// It reads files, starts no process, opens no connection, and never throws: what is missing or broken is a verdict like any
// other. It gives the same answer as the Rust crate `wt-licensor`, in the same words; `sdk/vectors/` holds both to that.
// Sections, formats and limits: manifests/FORMAT.md, sections 2 and 7.

import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'

const DAY = 86400
const LARGEST_LICENSE = 16 * 1024 * 1024
const LARGEST_SNAPSHOT = 1024 * 1024
const MOST_LICENSES = 32
const CLOCK_TOLERANCE_DAYS = 1
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

// ---------------------------------------------------------------- what a product calls

/** The check: see wt-license.d.ts. */
export function checkLicense(inputs) {
  return withoutThrowing(() => {
    const candidates = readLicenses(inputs.license)
    const snapshot = readSnapshot(inputs)
    const host = snapshot.content ? { snapshot: snapshot.content } : { unreadable: snapshot.reason }
    const verdict = judgeAll(candidates, host, inputs)
    if (snapshot.detail && verdict.reason === snapshot.reason) verdict.detail = snapshot.detail
    return verdict
  })
}

/** The same on what was read already: `candidates` are `{ name, bytes }`, `host` is `{ snapshot }`, `{ components }`,
 *  `{ unreadable: reason }` or `{}`. */
export function judgeAll(candidates, host, inputs) {
  return withoutThrowing(() => chooseBest(candidates, host, benchOf(inputs)))
}

/** A license that is checked again when one of its files changes, and once a minute, since a verdict has days in it. */
export class WatchedLicense {
  #inputs
  #last

  constructor(inputs) {
    this.#inputs = { ...inputs }
  }

  verdict() {
    const stamps = withoutThrowing(() => stampsOf(this.#inputs), () => undefined)
    const at = Date.now()
    const fresh = this.#last && stamps !== undefined && this.#last.stamps === stamps && Math.abs(at - this.#last.at) < 60_000
    if (!fresh) this.#last = { stamps, at, verdict: checkLicense(this.#inputs) }
    return this.#last.verdict
  }

  /** Calls `changed(verdict, before)` when state, reason or license are others; returns what ends it. */
  watch(changed, everyMilliseconds = 5000) {
    let before = this.verdict()
    const name = (verdict) => `${verdict.state} ${verdict.reason} ${verdict.license?.license_id}`
    const timer = setInterval(() => {
      const verdict = this.verdict()
      if (name(verdict) === name(before)) return
      const last = before
      before = verdict
      changed(verdict, last)
    }, everyMilliseconds)
    timer.unref()
    return () => clearInterval(timer)
  }
}

/** Whether the product is to work. */
export function isLicensed(verdict) {
  return ['MATCH', 'DRIFT', 'GRACE', 'VALID'].includes(verdict.state)
}

/** Whether a module is switched on: never where the product is not to work. */
export function hasModule(verdict, name) {
  return isLicensed(verdict) && verdict.license.modules.some((module) => module === '*' || module === name)
}

function withoutThrowing(work, otherwise) {
  try {
    return work()
  } catch (error) {
    if (otherwise) return otherwise(error)
    const verdict = newVerdict('UNREADABLE', 'INTERNAL')
    verdict.detail = `the verifier failed: ${error instanceof Error ? error.message : String(error)}`
    return verdict
  }
}

function benchOf({ trust, product, release, now }) {
  if (!canVerify) throw new Error('this Node.js does not verify Ed25519 signatures as it should')
  const milliseconds = Number(now ?? Date.now())
  const seconds = Number.isFinite(milliseconds) ? Math.floor(milliseconds / 1000) : 0
  return { trust: pinTrust(trust), product, release, now: Math.min(Math.max(seconds, 0), LAST) }
}

/** `undefined` where the product's own roots cannot be used: then nobody is believed. */
function pinTrust(trust) {
  try {
    const bytes = Buffer.from(trust ?? '')
    const line = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
    return pin(parseEnvelope(line, TRUST))
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

// ---------------------------------------------------------------- files

/** `path` and those beside it, or those in it, if it is a folder: `license*.json`, by name. Where there are too many, `path`
 *  counts and of the others the newest. */
function licenseFiles(path) {
  const isFolder = extname(path) !== '.json' && isDirectory(path)
  const folder = isFolder ? path : dirname(path)
  let names = []
  try {
    names = readdirSync(folder).filter((name) => name.startsWith('license') && name.endsWith('.json'))
  } catch {} // it cannot be listed; perhaps the file can be read
  if (!isFolder && !names.includes(basename(path))) names.push(basename(path))
  const byName = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  names.sort(byName)
  if (names.length > MOST_LICENSES) {
    const isNamed = (name) => !isFolder && name === basename(path)
    const changed = new Map(names.map((name) => [name, changedAt(join(folder, name))]))
    const newestFirst = (a, b) => (changed.get(a) === changed.get(b) ? 0 : changed.get(a) > changed.get(b) ? -1 : 1)
    names.sort((a, b) => isNamed(b) - isNamed(a) || newestFirst(a, b))
    names = names.slice(0, MOST_LICENSES).sort(byName)
  }
  return names.map((name) => join(folder, name))
}

/** In nanoseconds; where nobody can say, before all others. */
function changedAt(path) {
  try {
    return statSync(path, { bigint: true }).mtimeNs
  } catch {
    return -(2n ** 127n)
  }
}

function isDirectory(path) {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function readLicenses(path) {
  const candidates = []
  for (const file of licenseFiles(path)) {
    const name = basename(file)
    try {
      candidates.push({ name, bytes: readCapped(file, 'a license', LARGEST_LICENSE) })
    } catch (error) {
      if (error.code === 'ENOENT') continue
      const verdict = newVerdict('UNREADABLE', 'LICENSE_UNREADABLE')
      if (error instanceof Refusal) verdict.detail = error.detail
      else if (['EACCES', 'EPERM'].includes(error.code)) verdict.detail = 'permission denied'
      else verdict.detail = 'it is not a file that can be read'
      candidates.push({ name, verdict })
    }
  }
  return candidates
}

/** A whole regular file; a FIFO does not hang us. */
function readCapped(path, what, limit) {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EINVAL', opened: true })
    const tooLarge = (size) =>
      new Refusal('FORMAT', `${what} is larger than allowed\n  expected at most ${limit} bytes\n  found    ${size} bytes`)
    if (found.size > limit) throw tooLarge(found.size)
    const bytes = readFileSync(file)
    if (bytes.length > limit) throw tooLarge(bytes.length)
    return bytes
  } finally {
    closeSync(file)
  }
}

function readSnapshot({ snapshot: path, bootId: bootIdPath = BOOT_ID, product }) {
  let content
  try {
    content = parseSnapshot(readCapped(path, 'a host snapshot', LARGEST_SNAPSHOT), path)
  } catch (error) {
    if (error.code === 'ENOENT') return { reason: 'SNAPSHOT_MISSING' }
    const detail = error instanceof Refusal ? error.detail : `cannot ${error.opened ? 'read' : 'open'} \`${shown(path, 4096)}\``
    return { reason: 'SNAPSHOT_UNREADABLE', detail }
  }
  let bootId
  try {
    bootId = readFileSync(bootIdPath, 'utf8').trim()
  } catch {
    return { reason: 'BOOT_ID_UNREADABLE', detail: `cannot read \`${shown(bootIdPath, 4096)}\`` }
  }
  if (bootId === '') return { reason: 'BOOT_ID_UNREADABLE' }
  if (bootId !== content.boot_id) return { reason: 'SNAPSHOT_STALE' }
  if (content.product !== product) return { reason: 'SNAPSHOT_OF_OTHER_PRODUCT' }
  return { content }
}

/** What tells one state of the files from another without reading them. */
function stampsOf(inputs) {
  const stamp = (path) => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found ? `${found.ino} ${found.size} ${found.ctimeNs}` : ''
  }
  return [...licenseFiles(inputs.license), inputs.snapshot].map((path) => `${path}\0${stamp(path)}`).join('\0')
}

// ---------------------------------------------------------------- several licenses

const RANKS = ['MATCH', 'VALID', 'DRIFT', 'GRACE', 'UNREADABLE', 'FOREIGN', 'EXPIRED', 'NOT_YET', 'WRONG_RELEASE',
  'WRONG_PRODUCT', 'REVOKED', 'LICENSE_UNREADABLE', 'UNTRUSTED', 'MISSING']

const rank = ({ state, reason }) => RANKS.indexOf(reason === 'LICENSE_UNREADABLE' ? reason : state)
const isRunning = ({ state }) => ['MATCH', 'VALID', 'DRIFT'].includes(state)

/** The best of all, with the end of what follows it, and the others by name. */
function chooseBest(candidates, host, bench) {
  const newest = newestTrust(candidates, bench)
  const judged = (candidate, bench) => candidate.verdict ?? judge(candidate.bytes, host, bench, newest)
  const dates = ({ license }) => (license ? [seconds(license.issued_at), seconds(license.expires_at)] : [-1, -1])
  const all = candidates.map((candidate) => ({ candidate, verdict: judged(candidate, bench) }))
  all.sort((a, b) => {
    const [[issuedA, expiresA], [issuedB, expiresB]] = [dates(a.verdict), dates(b.verdict)]
    return rank(a.verdict) - rank(b.verdict) || issuedB - issuedA || expiresB - expiresA
  })
  if (all.length === 0) return newVerdict('MISSING', 'LICENSE_MISSING')
  const [{ verdict: best }, ...others] = all
  const begun = ({ candidate, verdict }) => {
    if (verdict.state !== 'NOT_YET') return verdict
    return judged(candidate, { ...bench, now: Math.max(bench.now, seconds(verdict.license.not_before)) })
  }
  renew(best, others.map(begun).filter(isRunning))
  best.others = others.map(({ candidate, verdict }) => ({ file: candidate.name, state: verdict.state, reason: verdict.reason }))
  return best
}

/** What is warned of is the end of all that follow each other without a gap. */
function renew(best, following) {
  if (!isRunning(best)) return
  let last = best.license
  for (let round = 0; round < following.length; round += 1) {
    const end = seconds(last.expires_at)
    const next = following
      .map(({ license }) => license)
      .filter((next) => seconds(next.not_before) <= plusDays(end, CLOCK_TOLERANCE_DAYS) && seconds(next.expires_at) > end)
      .reduce((a, b) => (a && seconds(a.expires_at) > seconds(b.expires_at) ? a : b), undefined)
    last = next ?? last
  }
  if (last === best.license) return
  const now = seconds(best.judged_at)
  if (best.reason === 'EXPIRES_SOON' && now < seconds(last.notify_at)) best.reason = 'OK'
  best.renewed_until = last.expires_at
  best.days_left = daysUntil(now, seconds(last.expires_at))
}

/** The latest of the trust documents that any of them brings, and the roots vouch for, whatever the license is worth. One
 *  alone is judged by its own. */
function newestTrust(candidates, { trust: pinned }) {
  let newest = pinned
  for (const { bytes } of candidates.length > 1 ? candidates : []) {
    if (!bytes || !pinned) continue
    try {
      const trust = follow(pinned, parseChain(bytes).trust)
      if (trust.document.version > newest.document.version) newest = trust
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }
  return newest
}

// ---------------------------------------------------------------- one license

function judge(bytes, host, bench, newest) {
  let trusted
  try {
    if (!bench.trust) throw new Refusal('ISSUER_UNKNOWN', 'the roots of this program cannot be used')
    trusted = verifyLicense(bytes, bench.trust)
    checkNotRevoked(newest, trusted.certificate.key.id)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const verdict = newVerdict(error.reason === 'KEY_REVOKED' ? 'REVOKED' : 'UNTRUSTED', error.reason)
    verdict.detail = error.detail
    return verdict
  }
  const { license, trust } = trusted
  const vouched = Math.max(seconds(license.issued_at), seconds(trust.document.issued))
  const seen = host.snapshot ? seconds(host.snapshot.latest) : 0
  const surely = Math.max(bench.now, vouched)
  const now = Math.max(surely, seen)
  const clockBehind = plusDays(bench.now, CLOCK_TOLERANCE_DAYS) < Math.max(vouched, seen)
  let verdict = judgeTerms(trusted, newest, bench, now)
  // expired only by what this host has seen, and a clock may have been ahead then
  if (verdict?.state === 'EXPIRED' && !judgeTerms(trusted, newest, bench, surely)) {
    verdict = judgeHost(license, host, now, surely)
    if (isLicensed(verdict) && clockBehind) Object.assign(verdict, { state: 'GRACE', reason: 'CLOCK_BEHIND' })
  }
  verdict ??= judgeHost(license, host, now, surely)
  verdict.judged_at = written(now)
  verdict.days_left = daysUntil(now, seconds(license.expires_at))
  verdict.clock_behind = clockBehind
  verdict.license = termsOf(license)
  return verdict
}

/** What speaks against a genuine license whatever the host is. */
function judgeTerms({ license, trust }, newest, { product, release }, now) {
  const revoked = [trust, newest]
    .flatMap(({ document }) => document.revoked_licenses)
    .find((revoked) => revoked.license === license.license_id)
  if (revoked) {
    const verdict = newVerdict('REVOKED', 'LICENSE_REVOKED')
    verdict.detail = shown(revoked.reason)
    return verdict
  }
  if (product != null && product !== license.product) return newVerdict('WRONG_PRODUCT', 'WRONG_PRODUCT')
  if (release != null && !covers(license.releases, release)) return newVerdict('WRONG_RELEASE', 'WRONG_RELEASE')
  if (plusDays(now, CLOCK_TOLERANCE_DAYS) < seconds(license.not_before)) return newVerdict('NOT_YET', 'NOT_YET')
  if (now >= seconds(license.restrict_at) && now > seconds(license.expires_at)) return newVerdict('EXPIRED', 'EXPIRED')
  return undefined
}

/** `surely` is the time without what only this host has seen: no clock that was ahead shortens a grace. */
function judgeHost(license, host, now, surely) {
  if (host.unreadable) return newVerdict('UNREADABLE', host.unreadable)
  const components = host.snapshot?.components ?? host.components
  const score = components && bestScore(license.binding, components)
  const likelihood = score?.likelihood
  const driftDaysLeft = likelihood === DRIFT ? daysOfDrift(license, host, surely) : null
  const [state, reason] = (() => {
    if (likelihood === FOREIGN) return ['FOREIGN', 'HW_FOREIGN']
    if (driftDaysLeft !== null && driftDaysLeft < 0) return ['FOREIGN', 'HW_DRIFT_OVER']
    if (now > seconds(license.expires_at)) return ['GRACE', 'EXPIRED_GRACE']
    if (likelihood === DRIFT) return ['DRIFT', 'HW_DRIFT']
    if (likelihood === undefined) return ['VALID', 'NOT_COMPARED']
    return ['MATCH', now >= seconds(license.notify_at) ? 'EXPIRES_SOON' : 'OK']
  })()
  const verdict = newVerdict(state, reason)
  verdict.drift_days_left = driftDaysLeft
  if (score) Object.assign(verdict, { node: score.node, score_percent: score.percent, components: score.components })
  return verdict
}

/** Whole days that a changed machine still works: all of them, where nobody knows since when it has changed. */
function daysOfDrift(license, host, now) {
  const drift = host.snapshot?.drift.find((drift) => drift.license === license.license_id)
  const since = Math.min(drift ? seconds(drift.since) : now, now)
  return daysUntil(now, plusDays(since, license.binding.drift_grace_days))
}

// ---------------------------------------------------------------- how alike a host and a bound machine are

const FOREIGN = 0
const DRIFT = 1
const MATCH = 2

function bestScore(binding, host) {
  const better = (a, b) => a.likelihood - b.likelihood || a.percent - b.percent
  return binding.nodes.map((node) => scoreOf(binding, node, host)).reduce((a, b) => (better(a, b) > 0 ? a : b))
}

function scoreOf(binding, node, host) {
  const components = node.components.map((bound) => ({
    kind: bound.kind, class: bound.class, weight: bound.weight, result: compare(bound, host),
  }))
  const halves = sum(components.map(({ weight, result }) => weight * ({ match: 2, partial: 1 }[result] ?? 0)))
  const total = sum(components.map(({ weight }) => weight * 2))
  const reaches = (percent) => halves * 100 >= percent * total
  const strong = components.filter((component) => component.class === 'strong')
  const strongIs = (result) => strong.some((component) => component.result === result)
  const isMatch = strong.length > 0
    ? reaches(binding.match_percent) && strongIs('match')
    : reaches(binding.match_percent_without_strong)
  // not without anything in common: whoever hides the serial numbers would be let in on any machine
  const isDrift = reaches(binding.drift_percent) || (strongIs('unreadable') && halves > 0)
  const likelihood = isMatch ? MATCH : isDrift ? DRIFT : FOREIGN
  return { node: node.label, likelihood, percent: Math.floor((halves * 100) / Math.max(total, 1)), components }
}

/** What is not there never matches: a bound component has tags, and an absent or junk one has none. */
function compare(bound, host) {
  const found = host.find(({ kind }) => kind === bound.kind)
  if (!found) return 'differ'
  if (found.quality === 'unreadable') return 'unreadable'
  const common = bound.tags.filter((tag) => found.tags.includes(tag)).length
  if (common === 0) return 'differ'
  return common * 2 >= bound.tags.length || KINDS[bound.kind].anyIsEnough ? 'match' : 'partial'
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)

// ---------------------------------------------------------------- a document with what proves it

/** Bytes that prove nothing, and why. */
class Refusal extends Error {
  constructor(reason, detail) {
    super(detail)
    this.reason = reason
    this.detail = detail
  }
}

const MOST_SIGNATURES = 32
const MOST_TRUST_DOCUMENTS = 16
const MOST_ROOTS = 16
const MOST_REVOKED = 100_000
const MOST_KEPT = 1000
const LONGEST_GRACE_DAYS = 90

function verifyLicense(bytes, pinned) {
  const chain = parseChain(bytes)
  const trust = forward(pinned, chain)
  const certificate = verifyCertificate(chain.certificate, trust)
  checkNotRevoked(trust, certificate.key.id)
  if (trust.document.roots.some((root) => root.id === certificate.key.id)) {
    throw new Refusal('ISSUER_SCOPE', `the key ${certificate.key.id} is a root and also signs documents; a key has one role`)
  }
  const license = verifyThreshold(chain.document, LICENSE, [certificate.key], 1)
  checkScope(certificate, license)
  checkLicenseContent(license)
  return { license, certificate, trust }
}

/** One envelope a line: license, certificate, trust documents, oldest first. */
function parseChain(bytes) {
  const lines = []
  if (bytes.at(-1) !== 0x0a) throw malformed(LICENSE)
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start)
    lines.push(bytes.subarray(start, end))
    start = end + 1
    if (lines.length > 2 + MOST_TRUST_DOCUMENTS) throw malformed(LICENSE)
  }
  if (lines.length < 3) throw malformed(LICENSE)
  const [document, certificate, ...trust] = lines
  return {
    document: parseEnvelope(document, LICENSE),
    certificate: parseEnvelope(certificate, CERTIFICATE),
    trust: trust.map((line) => parseEnvelope(line, TRUST)),
  }
}

const malformed = ({ name }) => new Refusal('FORMAT', `${name} is not a signed document in its one valid spelling`)

/** A DSSE envelope in its one spelling; nothing in it is believed yet. */
function parseEnvelope(bytes, kind) {
  const spelling = parseExactly(bytes, ENVELOPE)
  if (!spelling) throw malformed(kind)
  const payload = fromBase64(spelling.payload)
  const signatures = spelling.signatures.map(({ keyid, sig }) => ({ keyid, signature: fromBase64(sig) }))
  const ascending = signatures.every(({ keyid }, i) => i === 0 || signatures[i - 1].keyid < keyid)
  if (!payload || !ascending || !signatures.every(({ signature }) => signature?.length === 64)) throw malformed(kind)
  return { spelling: bytes, type: spelling.payloadType, payload, signatures }
}

/** The trust that is in force. Documents that its roots do not lead on from, and that end before the pinned one, are from before
 *  a rotation: it has all that they said, and whether the certificate is good is for its roots alone to say. */
function forward(pinned, { trust }) {
  return attempt(() => follow(pinned, trust), (refusal) => {
    if (isPast(pinned, trust)) return pinned
    throw refusal
  })
}

/** What is proven, or what is made of the refusal. */
function attempt(work, refused) {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return refused(error)
    throw error
  }
}

/** The roots signed it, or the document in force keeps it; then nobody asks who signed it. */
function verifyCertificate(envelope, trust) {
  const { roots, threshold } = trust.document
  if (!isKept(envelope, trust)) return verifyThreshold(envelope, CERTIFICATE, roots, threshold)
  checkType(envelope, CERTIFICATE)
  return readPayload(envelope, CERTIFICATE)
}

function isKept({ payload }, { document: { kept_certificates: kept = [] } }) {
  return kept.length > 0 && kept.includes(createHash('sha256').update(payload).digest('hex'))
}

/** Verifies that at least `threshold` of `keys`, and nobody else, signed a document of this kind, and reads it. */
function verifyThreshold(envelope, kind, keys, threshold) {
  checkType(envelope, kind)
  checkSignatures(envelope, kind, keys, threshold, false)
  return readPayload(envelope, kind)
}

/** A trust document, which brings the keys it is signed with. With predecessors, a threshold of those must have signed
 *  too, which is checked before anything is read, and then nobody else may have signed one that `follows` them. */
function verifySelfSigned(envelope, predecessors, follows) {
  checkType(envelope, TRUST)
  if (predecessors) checkSignatures(envelope, TRUST, predecessors.roots, predecessors.threshold, true)
  const document = readPayload(envelope, TRUST)
  checkSignatures(envelope, TRUST, document.roots, document.threshold, true)
  if (predecessors && follows(document)) {
    checkSignatures(envelope, TRUST, [...document.roots, ...predecessors.roots], 1, false)
  }
  return document
}

function checkType({ type }, kind) {
  if (type !== kind.type && type !== kind.laterType) throw anotherKind(kind.type, type)
}

const anotherKind = (expected, found) =>
  new Refusal('FORMAT', `a signed document of another kind\n  expected ${expected}\n  found    ${shown(found)}`)

function readPayload({ type, payload }, kind) {
  const document = parseExactly(payload, kind.shape)
  if (!document) throw new Refusal('FORMAT', `the content of the signed ${kind.name} is not valid`)
  const expected = kind.isLater?.(document) ? kind.laterType : kind.type
  if (type !== expected) throw anotherKind(expected, type)
  return kind.withKeys ? kind.withKeys(document) : document
}

function checkSignatures({ type, payload, signatures }, { name }, keys, threshold, strangersAreIgnored) {
  // DSSE's pre-authentication encoding
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload])
  const untrusted = (keyid) => {
    const expected = keys.map((key) => key.id).join(', ')
    const detail = `the ${name} is signed by a key that is not trusted\n  expected ${expected}\n  found    ${keyid}`
    return new Refusal('ISSUER_UNKNOWN', detail)
  }
  let found = 0
  for (const { keyid, signature } of signatures) {
    const key = keys.find((key) => key.id === keyid)
    if (key && verifyEd25519(key, message, signature)) found += 1
    else if (key) throw new Refusal('SIG_BAD', `the ${name} is not signed by the key it names\n  key      ${keyid}`)
    else if (!strangersAreIgnored) throw untrusted(keyid)
  }
  if (found === 0 && signatures.length > 0) throw untrusted(signatures[0].keyid)
  if (found === 0 || found < threshold) {
    const expected = Math.max(threshold, 1)
    const detail = `the ${name} carries too few signatures\n  expected ${expected} of the roots\n  found    ${found}`
    throw new Refusal('ISSUER_UNKNOWN', detail)
  }
}

// ---------------------------------------------------------------- the trust document, which only ever moves forward

/** Takes a trust document for genuine: it was built in. */
function pin(envelope) {
  const document = verifySelfSigned(envelope)
  checkTrust(document)
  // no roots before version 1 could have signed, too
  if (document.version === 1) checkSignatures(envelope, TRUST, document.roots, document.threshold, false)
  return { document, envelope }
}

/** Moves forward along the documents of a chain. Those before the first one that the roots in force vouch for must have led
 *  up to it; nothing that they say is used. */
function follow(pinned, chain) {
  const first = Math.max(firstKnown(pinned, chain), 0)
  if (first > 0) lastOf(chain.slice(0, first + 1))
  let [trust, last] = [pinned, 0]
  for (const envelope of chain.slice(first)) {
    const next = nextTrust(trust, envelope)
    last = checkAbove(next, last)
    if (next.document.version > trust.document.version) trust = next
  }
  return trust
}

/** The first document that is the one in force, or else that its roots vouch for; below 0 where there is none. */
function firstKnown(pinned, chain) {
  const inForce = chain.findIndex((envelope) => holds(envelope, pinned))
  return inForce >= 0 ? inForce : chain.findIndex((envelope) => isVouched(pinned, envelope))
}

/** Whether the documents led up to one that is older than the pinned one. Who stole their roots makes such documents, too:
 *  nothing that they say is used. */
function isPast(pinned, chain) {
  return attempt(() => lastOf(chain) < pinned.document.version, () => false)
}

/** The version of the last one, where each after the first follows the one before it by a threshold of its roots. */
function lastOf([first, ...others]) {
  let trust = pin(first)
  for (const envelope of others) {
    const next = nextTrust(trust, envelope)
    checkAbove(next, trust.document.version)
    trust = next
  }
  return trust.document.version
}

function isVouched(trust, envelope) {
  return attempt(() => nextTrust(trust, envelope) !== undefined, () => false)
}

/** A copy of the one in force, or a document that a threshold of its roots has signed, before or after it. One that brought
 *  the roots in force may be signed by those before it, which are not at hand. */
function nextTrust(trust, envelope) {
  if (envelope.spelling.equals(trust.envelope.spelling)) return trust
  if (holds(envelope, trust)) return pin(envelope)
  const { version: inForce } = trust.document
  const document = verifySelfSigned(envelope, trust.document, ({ version }) => version === 1 || version >= inForce)
  checkTrust(document)
  if (document.version === trust.document.version) {
    throw new Refusal('FORMAT', `two different trust documents carry version ${document.version}`)
  }
  return { document, envelope }
}

function checkAbove({ document: { version } }, before) {
  if (version > before) return version
  const detail = `the trust documents do not stand oldest first: version ${version} follows version ${before}`
  throw new Refusal('FORMAT', detail)
}

const holds = (envelope, trust) => [TRUST.type, TRUST.laterType].includes(envelope.type) && envelope.payload.equals(trust.envelope.payload)

function checkTrust({ version, roots, threshold, revoked_keys: keys, revoked_licenses: licenses, kept_certificates: kept = [] }) {
  const invalid = (why) => new Refusal('FORMAT', `the trust document is not valid: ${why}`)
  if (version === 0) throw invalid('version 0, or above 2^53')
  if (roots.length === 0) throw invalid('no roots, or more than 16')
  if (new Set(roots.map((root) => root.id)).size !== roots.length) throw invalid('the same root twice')
  if (threshold === 0 || threshold > roots.length) throw invalid('a threshold that its roots cannot reach')
  if (keys.length > MOST_REVOKED || licenses.length > MOST_REVOKED) throw invalid('more than 100000 revocations')
  if (kept.length > MOST_KEPT || !isStrictlySorted(kept)) {
    throw invalid('more than 1000 certificates that are kept, or not in ascending order')
  }
}

function checkNotRevoked({ document }, key) {
  const revoked = document.revoked_keys.find((revoked) => revoked.key === key)
  if (revoked) throw new Refusal('KEY_REVOKED', `the key ${key} was revoked: ${shown(revoked.reason)}`)
}

/** Whether a certificate allows a license. */
function checkScope(certificate, license) {
  const scope = (what, expected, found) => new Refusal('ISSUER_SCOPE', `${what}\n  expected ${expected}\n  found    ${found}`)
  if (certificate.role !== 'license') throw scope('the certificate is for another role', 'license', certificate.role)
  if (certificate.product !== '*' && certificate.product !== license.product) {
    const [expected, found] = [certificate.product, license.product].map((product) => `\`${shown(product)}\``)
    throw scope('the certificate is for another product', expected, found)
  }
  const { not_before: start, not_after: end, longest_term_days: limit } = certificate
  const issued = seconds(license.issued_at)
  if (issued < seconds(start) || issued > seconds(end)) {
    throw scope("signed outside the validity of the signer's certificate", `${start} to ${end}`, license.issued_at)
  }
  const term = Math.max(daysUntil(issued, seconds(license.expires_at)), 0)
  if (limit !== null && term > limit) {
    throw new Refusal('ISSUER_SCOPE', `the certificate limits licenses to ${limit} days\n  found    ${term} days`)
  }
  const seats = certificate.most_seats
  if (seats !== undefined && license.seats > seats) {
    throw new Refusal('ISSUER_SCOPE', `the certificate limits licenses to ${seats} seats\n  found    ${license.seats} seats`)
  }
}

// ---------------------------------------------------------------- what is in a license

const MOST_MODULES = 100
const MOST_NODES = 64

function checkLicenseContent(license) {
  const invalid = (why) => new Refusal('FORMAT', `the license is not valid: ${why}`)
  const dates = [license.issued_at, license.not_before, license.notify_at, license.expires_at, license.restrict_at]
    .map(seconds)
  const texts = [license.customer, license.product, license.edition, ...license.modules]
  if (!texts.every(isPlain)) throw invalid('a text that is empty or not plain')
  if (license.modules.length > MOST_MODULES) throw invalid('more than 100 modules')
  if (!isSorted(dates) || dates[1] === dates[3]) throw invalid('dates that do not follow each other')
  if (daysUntil(dates[3], dates[4]) > LONGEST_GRACE_DAYS) {
    throw invalid('more than 90 days between its end and its restriction')
  }
  if (license.seats === 0 || license.nodes === 0) throw invalid('no seat, or no node')
  if (!parseRequirement(license.releases)) throw invalid('releases that are not a version requirement')
  const binding = license.binding
  const thresholds = [1, binding.drift_percent, binding.match_percent, binding.match_percent_without_strong, 100]
  if (!isSorted(thresholds)) throw invalid('thresholds that do not follow each other')
  if (binding.nodes.length === 0 || binding.nodes.length > MOST_NODES) throw invalid('no machine, or more than 64')
  if (!binding.nodes.every(isSoundNode)) {
    throw invalid('a machine without components, or with one that cannot be compared')
  }
}

const isSorted = (numbers) => numbers.every((number, i) => i === 0 || numbers[i - 1] <= number)
const isStrictlySorted = (values) => values.every((value, i) => i === 0 || values[i - 1] < value)

/** Not empty, on one line, of bounded length. Spelt out: classes by name take long to compile, and a first check waits. */
const WHITE_SPACE = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/
const CONTROL = /[\0-\x1f\x7f-\x9f]/
const isPlain = (text) => !WHITE_SPACE.test(text) && (text.length <= 200 || [...text].length <= 200) && !CONTROL.test(text)

function isSoundNode({ label, components }) {
  const order = Object.keys(KINDS)
  return isPlain(label) && components.length > 0
    && isStrictlySorted(components.map(({ kind }) => order.indexOf(kind)))
    && components.every(({ kind, weight, tags }) => weight >= 1 && weight <= 1000
      && tags.length > 0 && tags.length <= KINDS[kind].mostTags && isStrictlySorted(tags)
      && tags.every((tag) => tag.length === KINDS[kind].digits))
}

// ---------------------------------------------------------------- releases: semantic versions, as Cargo compares them

const IDENTIFIERS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const NUMBER = '(0|[1-9][0-9]*)'
const VERSION = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`)
const COMPARATOR = new RegExp(
  `^(=|>=|>|<=|<|~|\\^)? *${NUMBER}(?:\\.(?:${NUMBER}|([*xX])))?(?:\\.(?:${NUMBER}|([*xX])))?(?:-(${IDENTIFIERS}))?(\\+${IDENTIFIERS})? *$`)
const MOST_COMPARATORS = 32
const LARGEST_NUMBER = 2n ** 64n - 1n

const numberOf = (text) => (text === undefined ? undefined : BigInt(text))
const fits = (...numbers) => numbers.every((number) => number === undefined || number <= LARGEST_NUMBER)
const isPrerelease = (text) => !text.split('.').some((part) => /^0[0-9]+$/.test(part))

/** `{ major, minor, patch, pre }`, or `undefined`. */
function parseVersion(text) {
  const found = VERSION.exec(text)
  if (!found || !isPrerelease(found[4] ?? '')) return undefined
  const [major, minor, patch] = found.slice(1, 4).map(BigInt)
  return fits(major, minor, patch) ? { major, minor, patch, pre: found[4] ?? '' } : undefined
}

/** A list of comparators; an empty one for every release; `undefined` if it is no requirement. */
function parseRequirement(text) {
  const trimmed = text.replace(/^ +/, '')
  if (/^[*xX] *$/.test(trimmed)) return []
  const comparators = trimmed.split(',').map((part) => parseComparator(part.replace(/^ +/, '')))
  return comparators.length <= MOST_COMPARATORS && !comparators.includes(undefined) ? comparators : undefined
}

function parseComparator(text) {
  const found = COMPARATOR.exec(text)
  if (!found) return undefined
  const [, sign, ...numbers] = found
  const [major, minor, patch] = [numbers[0], numbers[1], numbers[3]].map(numberOf)
  const [anyMinor, anyPatch, pre, build] = [numbers[2], numbers[4], numbers[5], numbers[6]]
  if (anyMinor && patch !== undefined) return undefined
  if (patch === undefined && (pre !== undefined || build !== undefined)) return undefined
  if (!fits(major, minor, patch) || !isPrerelease(pre ?? '')) return undefined
  return { sign: sign ?? (anyMinor || anyPatch ? '=' : '^'), major, minor, patch, pre: pre ?? '' }
}

/** Whether a release meets what a license says of releases. */
export function covers(releases, release) {
  if (releases === '*') return true
  const [required, found] = [parseRequirement(releases), parseVersion(String(release))]
  if (!required || !found || !required.every((comparator) => meets(comparator, found))) return false
  // a release before a release counts only where one like it is named
  const isNamed = ({ major, minor, patch, pre }) =>
    pre !== '' && major === found.major && minor === found.minor && patch === found.patch
  return found.pre === '' || required.some(isNamed)
}

function meets(wanted, found) {
  const order = compareWith(wanted, found)
  switch (wanted.sign) {
    case '=': return isExact(wanted, found)
    case '>': return order > 0
    case '>=': return order > 0 || isExact(wanted, found)
    case '<': return order < 0
    case '<=': return order < 0 || isExact(wanted, found)
    case '~': return isSame(['major', 'minor'], wanted, found) && isAtLeast(wanted, found)
    default: return isSame(leading(wanted), wanted, found) && (wanted.patch === undefined
      ? found.minor >= (wanted.minor ?? 0n)
      : isAtLeast(wanted, found))
  }
}

/** What a caret holds still: all up to the first number that is not 0. */
function leading({ major, minor, patch }) {
  if (major > 0n || minor === undefined) return ['major']
  if (minor > 0n || patch === undefined) return ['major', 'minor']
  return ['major', 'minor', 'patch']
}

const isSame = (names, wanted, found) =>
  names.every((name) => wanted[name] === undefined || wanted[name] === found[name])

const isExact = (wanted, found) => found.pre === wanted.pre && isSame(['major', 'minor', 'patch'], wanted, found)

/** Above 0: `found` is later than all that `wanted` can mean; 0 where it leaves that open, or is the same. */
function compareWith(wanted, found) {
  for (const name of ['major', 'minor', 'patch']) {
    if (wanted[name] === undefined) return 0
    if (found[name] !== wanted[name]) return found[name] > wanted[name] ? 1 : -1
  }
  return comparePrereleases(found.pre, wanted.pre)
}

function isAtLeast(wanted, found) {
  for (const name of ['major', 'minor', 'patch']) {
    if (wanted[name] !== undefined && found[name] !== wanted[name]) return found[name] > wanted[name]
  }
  return comparePrereleases(found.pre, wanted.pre) >= 0
}

function comparePrereleases(a, b) {
  if (a === b) return 0
  if (a === '' || b === '') return a === '' ? 1 : -1
  const [left, right] = [a.split('.'), b.split('.')]
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    if (left[i] === right[i]) continue
    const [numericLeft, numericRight] = [left[i], right[i]].map((part) => /^[0-9]+$/.test(part))
    if (numericLeft !== numericRight) return numericLeft ? -1 : 1
    if (numericLeft && left[i].length !== right[i].length) return left[i].length - right[i].length
    return left[i] < right[i] ? -1 : 1
  }
  return left.length - right.length
}

// ---------------------------------------------------------------- Ed25519, strict

const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
/** The y of the eight points of small order: signatures with them verify for more than one message. */
const SMALL_ORDER = [0n, 1n, P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n]
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** One signature per message and key: no small-order points, no second encoding, canonical `S`. OpenSSL alone is laxer. */
export function verifyEd25519(key, message, signature) {
  if (signature.length !== 64) return false
  const [r, s] = [littleEndian(signature.subarray(0, 32)), littleEndian(signature.subarray(32))]
  if (s >= L || !isSoundCoordinate(r)) return false
  const name = createHash('sha256').update(key.id).update(signature).update(message).digest('hex')
  return KNOWN_GOOD.has(name) || (verifySignature(null, message, key.object, signature) && remember(KNOWN_GOOD, name, true))
}

/** What was found good before: a license is checked again every minute, and a trust document at every turn. */
const KNOWN_GOOD = new Map()

function remember(map, name, what) {
  if (map.size >= 64) map.clear()
  map.set(name, what)
  return what
}

/** A key, if it is a proper point of the curve in its one encoding and not weak. */
export function publicKey(raw) {
  if (raw.length !== 32) return undefined
  const y = littleEndian(raw)
  if (!isSoundCoordinate(y) || !isOnCurve(y & (2n ** 255n - 1n))) return undefined
  const spki = Buffer.concat([SPKI_PREFIX, raw])
  const object = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return { id: createHash('sha256').update(spki).digest('hex'), object }
}

const littleEndian = (bytes) =>
  [24, 16, 8, 0].reduce((number, at) => (number << 64n) | bytes.readBigUInt64LE(at), 0n)

/** Below p, and of no point of small order; the topmost bit is the sign of x. */
function isSoundCoordinate(encoded) {
  const y = encoded & (2n ** 255n - 1n)
  return y < P && !SMALL_ORDER.includes(y)
}

/** Whether (y² - 1) / (dy² + 1) is a square, by Euler's criterion; a fraction is one if the product is. */
function isOnCurve(y) {
  const yy = (y * y) % P
  const product = ((yy + P - 1n) * ((D * yy + 1n) % P)) % P
  return [0n, 1n].includes(raisedToHalf(product))
}

/** z^((p - 1) / 2) = z^(2^254 - 10). */
function raisedToHalf(z) {
  const squared = (x, times) => {
    for (let i = 0; i < times; i += 1) x = (x * x) % P
    return x
  }
  const join = (a, length, b) => (squared(a, length) * b) % P
  const z2 = squared(z, 1)
  const z4 = squared(z2, 1)
  const ones2 = (z2 * z) % P // z^(2^2 - 1), and so on
  const ones4 = join(ones2, 2, ones2)
  const ones5 = join(ones4, 1, z)
  const ones10 = join(ones5, 5, ones5)
  const ones20 = join(ones10, 10, ones10)
  const ones40 = join(ones20, 20, ones20)
  const ones50 = join(ones40, 10, ones10)
  const ones100 = join(ones50, 50, ones50)
  const ones200 = join(ones100, 100, ones100)
  const ones250 = join(ones200, 50, ones50)
  return join(ones250, 4, (z4 * z2) % P)
}

/** Keys that were read before: finding out whether one is on the curve takes as long as a signature. */
const KNOWN_KEYS = new Map()

function publicKeyOfSpki(text) {
  if (KNOWN_KEYS.has(text)) return KNOWN_KEYS.get(text)
  const spki = fromBase64(text)
  const isEd25519 = spki?.length === 44 && spki.subarray(0, 12).equals(SPKI_PREFIX)
  const key = isEd25519 ? publicKey(spki.subarray(12)) : undefined
  return remember(KNOWN_KEYS, text, key)
}

/** In the standard alphabet, padded, in its one spelling; `undefined` otherwise. */
function fromBase64(text) {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

// ---------------------------------------------------------------- documents: one spelling, no field too many

/** The document, if `bytes` are its one spelling: what JSON.parse forgives, repeated fields say, is lost when written again. */
function parseExactly(bytes, shape, indent) {
  let value
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  const spelt = shape.spell(value)
  if (spelt === undefined) return undefined
  const text = JSON.stringify(spelt, null, indent) + (indent ? '\n' : '')
  return Buffer.from(text).equals(bytes) ? spelt : undefined
}

/** A shape spells a value with its fields in order, or refuses it. */
const value = (isValid) => ({ spell: (x) => (isValid(x) ? x : undefined) })

/** A list that is longer than `most` is refused before anything in it is decoded. */
const list = (shape, most = Number.POSITIVE_INFINITY) => ({
  spell: (x) => {
    const spelt = Array.isArray(x) && x.length <= most ? x.map(shape.spell) : [undefined]
    return spelt.includes(undefined) ? undefined : spelt
  },
})

const nonEmpty = (shape) => ({ spell: (x) => (Array.isArray(x) && x.length > 0 ? shape.spell(x) : undefined) })

/** Those that are `optional` are left out where they are not there. */
const object = (fields) => ({
  spell: (x) => {
    if (x === null || typeof x !== 'object' || Array.isArray(x)) return undefined
    const names = Object.keys(fields).filter((name) => !fields[name].optional || Object.hasOwn(x, name))
    if (Object.keys(x).length !== names.length) return undefined
    const spelt = {}
    for (const name of names) {
      if (!Object.hasOwn(x, name)) return undefined
      spelt[name] = fields[name].spell(x[name])
      if (spelt[name] === undefined) return undefined
    }
    return spelt
  },
})

const text = value((x) => typeof x === 'string' && !/[\ud800-\udfff]/u.test(x)) // half a character
const number = (most) => value((x) => Number.isSafeInteger(x) && x >= 0 && x <= most)
const matching = (pattern) => value((x) => typeof x === 'string' && pattern.test(x))
const oneOf = (names) => value((x) => typeof x === 'string' && names.includes(x))
const nullOr = (shape) => ({ spell: (x) => (x === null ? null : shape.spell(x)) })

const u32 = number(2 ** 32 - 1)
const id = matching(/^[0-9a-f]{32}$/)
const digest = matching(/^[0-9a-f]{64}$/)
const tag = matching(/^(?:[0-9a-f]{6}|[0-9a-f]{32})$/)
const utc = value((x) => typeof x === 'string' && seconds(x) !== undefined)
const version = value((x) => typeof x === 'string' && parseVersion(x) !== undefined)
const key = value((x) => typeof x === 'string' && publicKeyOfSpki(x) !== undefined)

/** What a host is told by, in the order of documents: most values, hexadecimal digits of a tag, whether one in common is enough. */
export const KINDS = {
  smbios_uuid: { mostTags: 1, digits: 32, anyIsEnough: false },
  serials: { mostTags: 4, digits: 6, anyIsEnough: false },
  cloud_instance: { mostTags: 1, digits: 6, anyIsEnough: false },
  tpm_ek: { mostTags: 1, digits: 32, anyIsEnough: false },
  disk: { mostTags: 16, digits: 6, anyIsEnough: true },
  nic: { mostTags: 32, digits: 6, anyIsEnough: false },
  machine_id: { mostTags: 1, digits: 32, anyIsEnough: false },
  install_key: { mostTags: 1, digits: 32, anyIsEnough: false },
}

const kind = oneOf(Object.keys(KINDS))

const ENVELOPE = object({ payloadType: text, payload: text, signatures: list(object({ keyid: digest, sig: text }), MOST_SIGNATURES) })

const TRUST = {
  name: 'trust document',
  type: 'application/vnd.wt.trust.v1+json',
  shape: object({
    version: number(Number.MAX_SAFE_INTEGER), issued: utc, threshold: u32, roots: list(key, MOST_ROOTS),
    revoked_keys: list(object({ key: digest, reason: text })),
    revoked_licenses: list(object({ license: text, reason: text })),
    kept_certificates: { ...nonEmpty(list(digest)), optional: true },
    lowest_releases: list(object({ product: text, version })),
  }),
  withKeys: (document) => ({ ...document, roots: document.roots.map(publicKeyOfSpki) }),
  // version 2 where it keeps certificates, so that a program that would not look at them refuses it
  laterType: 'application/vnd.wt.trust.v2+json',
  isLater: ({ kept_certificates: kept }) => kept !== undefined,
}

const CERTIFICATE = {
  name: 'certificate',
  type: 'application/vnd.wt.certificate.v1+json',
  shape: object({
    key, role: oneOf(['bundle', 'license']), product: text, not_before: utc, not_after: utc, longest_term_days: nullOr(u32),
    most_seats: { ...u32, optional: true },
  }),
  withKeys: (document) => ({ ...document, key: publicKeyOfSpki(document.key) }),
  // version 2 where it limits seats, so that a program that would not look at the limit refuses it
  laterType: 'application/vnd.wt.certificate.v2+json',
  isLater: ({ most_seats: limit }) => limit !== undefined,
}

const LICENSE = {
  name: 'license',
  type: 'application/vnd.wt.license.v1+json',
  shape: object({
    license_id: id, request_id: id, customer: text, product: text, edition: text, seats: u32, modules: list(text),
    nodes: u32, spares: u32, issued_at: utc, not_before: utc, notify_at: utc, expires_at: utc, restrict_at: utc,
    releases: text,
    binding: object({
      match_percent: u32, match_percent_without_strong: u32, drift_percent: u32, drift_grace_days: u32,
      nodes: list(object({
        label: text,
        components: list(object({
          kind, class: oneOf(['strong', 'medium', 'continuity']), weight: u32, tags: list(tag),
        })),
      })),
    }),
  }),
}

const COMPONENTS = list(object({
  kind, quality: oneOf(['ok', 'junk', 'absent', 'unreadable']), tags: list(tag), left_out: list(text),
}))

const SNAPSHOTS = {
  'wt.snapshot.v1': object({ schema: text, product: text, boot_id: text, taken_at: utc, components: COMPONENTS }),
  'wt.snapshot.v2': object({
    schema: text, product: text, boot_id: text, taken_at: utc, latest: utc,
    drift: list(object({ license: id, since: utc })), components: COMPONENTS,
  }),
}

/** The host snapshot. Version 1 knew neither the latest time that the host has seen, nor since when it has changed. */
export function parseSnapshot(bytes, path) {
  const notOne = () => new Refusal('FORMAT', `\`${path}\` is not a host snapshot`)
  let schema
  try {
    schema = JSON.parse(bytes.toString('utf8')).schema
  } catch {
    throw notOne()
  }
  if (typeof schema !== 'string') throw notOne()
  if (!Object.hasOwn(SNAPSHOTS, schema)) {
    const found = [...schema].slice(0, 40).join('')
    throw new Refusal('FORMAT', `\`${path}\` is not a host snapshot\n  expected schema \`wt.snapshot.v2\`\n  found    \`${found}\``)
  }
  const snapshot = parseExactly(bytes, SNAPSHOTS[schema], 2)
  if (!snapshot) throw notOne()
  return { latest: snapshot.taken_at, drift: [], ...snapshot }
}

// ---------------------------------------------------------------- time: seconds since 1970, in UTC

const LAST = 253402207200 // 9999-12-30T22:00:00Z

/** Of `2026-11-23T08:00:00Z` and of no other spelling; `undefined` otherwise. */
function seconds(text) {
  const found = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) / 1000 : Number.NaN
  return found >= 0 && found <= LAST && written(found) === text ? found : undefined
}

/** Not by `toISOString`, whose first call takes as long as a signature. */
function written(seconds) {
  const date = new Date(seconds * 1000)
  const two = (number) => (number < 10 ? `0${number}` : `${number}`)
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
  return `${day}T${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}Z`
}

const plusDays = (seconds, days) => Math.min(seconds + days * DAY, LAST)
/** Whole days, rounded down. */
const daysUntil = (from, to) => Math.floor((to - from) / DAY)

// ---------------------------------------------------------------- the verdict, for programs and in words

function newVerdict(state, reason) {
  return finished({
    schema: 'wt.verdict.v1', state, reason, judged_at: null, days_left: null, renewed_until: null, drift_days_left: null,
    clock_behind: false, license: null, node: null, score_percent: null, components: [], detail: null, others: [],
  })
}

/** With `licensed`, which follows from the state and is in no JSON. */
function finished(verdict) {
  return Object.defineProperty(verdict, 'licensed', { get: () => isLicensed(verdict), enumerable: false, configurable: true })
}

function termsOf(license) {
  const names = ['license_id', 'customer', 'product', 'edition', 'nodes', 'seats', 'modules', 'releases', 'issued_at',
    'not_before', 'notify_at', 'expires_at', 'restrict_at']
  const terms = Object.fromEntries(names.map((name) => [name, license[name]]))
  return { ...terms, drift_grace_days: license.binding.drift_grace_days }
}

const RESULTS = { match: 'matches', partial: 'matches in part', differ: 'differs', unreadable: 'cannot be read' }

/** A first line that says it all, what was compared, and what to do next: the words of `wt-license explain`. */
export function explain(verdict) {
  const lines = [`${verdict.state} (${verdict.reason}): ${headline(verdict)}`]
  if (verdict.detail !== null) lines.push(`  because     ${verdict.detail.replaceAll('\n', '\n              ')}`)
  const terms = verdict.license
  if (terms) {
    lines.push(
      `  license     ${terms.license_id}`,
      `  customer    ${terms.customer}`,
      `  product     ${terms.product}, ${terms.edition}, releases ${terms.releases}`,
      `  nodes       ${terms.nodes}`,
      `  seats       ${terms.seats}`,
      `  modules     ${terms.modules.join(', ')}`,
      `  expires     ${terms.expires_at}, restricted from ${terms.restrict_at}`)
  }
  if (verdict.renewed_until) lines.push(`  renewed     until ${verdict.renewed_until}, by what lies beside it`)
  for (const { file, state, reason } of verdict.others) lines.push(`  beside it   ${shown(file)}: ${state} (${reason})`)
  if (verdict.node !== null) lines.push(`  machine     ${verdict.score_percent} % like \`${verdict.node}\` of the license`)
  for (const { kind, class: strength, weight, result } of verdict.components) {
    lines.push(`    ${kind.padEnd(12)} ${strength.padEnd(11)} weight ${String(weight).padStart(3)}  ${RESULTS[result]}`)
  }
  if (verdict.clock_behind) lines.push('  clock       more than a day behind what is known to be past')
  if (NEXT_STEPS[verdict.reason]) lines.push(`next: ${NEXT_STEPS[verdict.reason]}`)
  return `${lines.join('\n')}\n`
}

const counted = (days) => (days === 1 ? '1 day' : `${days} days`)

function headline({ state, reason, days_left: days, drift_days_left: drift, license }) {
  const [left, ago] = [counted(days ?? 0), counted(-(days ?? 0))]
  switch (state) {
    case 'MATCH': return `licensed for this machine, ${left} left`
    case 'DRIFT':
      return `licensed, but this machine has changed; it works for ${counted(drift ?? 0)} more, the license for ${left}`
    case 'GRACE':
      return reason === 'CLOCK_BEHIND'
        ? 'licensed by the clock, expired by what this host has seen; still working'
        : `expired ${ago} ago; still working`
    case 'VALID': return `a license in force, ${left} left; no machine was compared`
    case 'FOREIGN':
      return reason === 'HW_DRIFT_OVER'
        ? `this machine has changed, and the days for that are over since ${counted(-(drift ?? 0))}`
        : 'the license is for another machine'
    case 'EXPIRED': return `expired ${ago} ago`
    case 'NOT_YET': return `the license does not begin before ${license.not_before}`
    case 'WRONG_PRODUCT': return 'the license is for another product'
    case 'WRONG_RELEASE': return 'the license is not for this release'
    case 'UNTRUSTED': return 'this is not a license of the vendor'
    case 'REVOKED': return reason === 'KEY_REVOKED' ? 'the key that signed the license was revoked' : 'the license was revoked'
    case 'MISSING': return 'there is no license'
    default: return UNREADABLE[reason] ?? 'this host cannot be read'
  }
}

const UNREADABLE = {
  LICENSE_UNREADABLE: 'the license cannot be read',
  SNAPSHOT_STALE: 'what is known about this host is from another host, or from before its last start',
  SNAPSHOT_MISSING: 'nothing is known about this host',
  SNAPSHOT_OF_OTHER_PRODUCT: 'what is known about this host was written for another product',
}

const RENEW = 'run `wt-install fingerprint` and send its `hw.json` to the vendor to renew'
const ANOTHER = 'run `wt-install fingerprint` and send its `hw.json` to the vendor for a license of this machine'
const OF_WHAT_IS_INSTALLED = 'ask the vendor for a license of what is installed'
const SCOPE = 'ask the vendor for a license signed with a key that may sign it; this one was not made for what is installed'
const COPY = 'copy the license again as it came from the vendor; an editor or a mail program may have changed it'
const SNAPSHOT = 'run `wt-install fingerprint` on the host, which writes the snapshot anew'

const NEXT_STEPS = {
  EXPIRES_SOON: RENEW,
  EXPIRED_GRACE: RENEW,
  EXPIRED: RENEW,
  HW_DRIFT: ANOTHER,
  HW_DRIFT_OVER: ANOTHER,
  HW_FOREIGN: ANOTHER,
  LICENSE_MISSING: ANOTHER,
  CLOCK_BEHIND: 'set the clock; if it is right now and was wrong before, run `wt-install check --clock-is-right`',
  NOT_YET: 'wait for the day on which it begins, or check the clock',
  WRONG_PRODUCT: OF_WHAT_IS_INSTALLED,
  WRONG_RELEASE: OF_WHAT_IS_INSTALLED,
  LICENSE_REVOKED: OF_WHAT_IS_INSTALLED,
  KEY_REVOKED: 'ask the vendor for a license signed with its present key',
  ISSUER_UNKNOWN: SCOPE,
  ISSUER_SCOPE: SCOPE,
  SIG_BAD: COPY,
  FORMAT: COPY,
  LICENSE_UNREADABLE: "let the product's user read the file",
  SNAPSHOT_MISSING: SNAPSHOT,
  SNAPSHOT_UNREADABLE: SNAPSHOT,
  SNAPSHOT_STALE: SNAPSHOT,
  SNAPSHOT_OF_OTHER_PRODUCT: SNAPSHOT,
  BOOT_ID_UNREADABLE: "run the container with the kernel's /proc",
}

/** Characters that show nothing, or turn the direction of what follows. */
const INVISIBLE = /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u

/** Text of others: on one line, nothing in it that steers a terminal, and cut where it is too long. */
function shown(text, limit = 200) {
  const characters = [...text]
  const written = characters.slice(0, limit).map((c) => {
    if (c === '\n') return '\\n'
    return INVISIBLE.test(c) ? `\\u{${c.codePointAt(0).toString(16)}}` : c
  })
  return written.join('') + (characters.length > limit ? '…' : '')
}

// ---------------------------------------------------------------- when it is loaded

/** A trust document whose one root anybody can compute: nothing trusts it. */
const KNOWN_ANSWER = {
  payloadType: TRUST.type,
  payload: 'eyJ2ZXJzaW9uIjoxLCJpc3N1ZWQiOiIyMDI2LTExLTAxVDA4OjAwOjAwWiIsInRocmVzaG9sZCI6MSwicm9vdHMiOlsiTUNvd0JRWURLMlZ3QXlF'
    + 'QWlvamozWFFKOFpYOVV0c3RQTHBkY3NwbkNiOGRsQkliODNTSUFiUVBiMXc9Il0sInJldm9rZWRfa2V5cyI6W10sInJldm9rZWRfbGljZW5zZXMi'
    + 'OltdLCJsb3dlc3RfcmVsZWFzZXMiOltdfQ==',
  signatures: [{
    keyid: 'fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2',
    sig: 'RAXsE5cglr/R7toFPTqf4B1XWDxdB+KK7MU7AgDS1rErMnDtz4GoBWlZNw7hwLI0SQVRztivQxDNHKqibHyaDw==',
  }],
}

/** Whether what is good is found good, and nothing else: some builds of OpenSSL know no Ed25519, and what was put in the place
 *  of one may say yes to everything. It also makes OpenSSL ready, so that no request of a product waits for that. */
function knowsTheAnswer() {
  const [good, bad] = ['"version":1', '"version":2'].map((version) => {
    const payload = Buffer.from(KNOWN_ANSWER.payload, 'base64').toString().replace('"version":1', version)
    return pinTrust(JSON.stringify({ ...KNOWN_ANSWER, payload: Buffer.from(payload).toString('base64') }))
  })
  return good !== undefined && bad === undefined
}

const canVerify = withoutThrowing(knowsTheAnswer, () => false)
