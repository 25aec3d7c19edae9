// The check of a license, for a product that runs on Node.js 18 or later.

export type State =
  /** This is the machine, and the license is in force. */
  | 'MATCH'
  /** The machine has changed: everything works, and a new license should be asked for. */
  | 'DRIFT'
  /** It has expired, and is not restricted yet; or expired only by a clock that was ahead before. */
  | 'GRACE'
  /** In force; no machine was compared. `checkLicense` never says this. */
  | 'VALID'
  | 'FOREIGN' | 'EXPIRED' | 'NOT_YET' | 'WRONG_PRODUCT' | 'WRONG_RELEASE' | 'UNTRUSTED' | 'REVOKED' | 'MISSING' | 'UNREADABLE'

export type Reason =
  | 'OK' | 'EXPIRES_SOON' | 'NOT_COMPARED' | 'HW_DRIFT' | 'HW_DRIFT_OVER' | 'HW_FOREIGN' | 'EXPIRED_GRACE' | 'CLOCK_BEHIND'
  | 'EXPIRED' | 'NOT_YET' | 'WRONG_PRODUCT' | 'WRONG_RELEASE' | 'LICENSE_REVOKED' | 'KEY_REVOKED' | 'SIG_BAD'
  | 'ISSUER_UNKNOWN' | 'ISSUER_SCOPE' | 'FORMAT' | 'LICENSE_MISSING' | 'LICENSE_UNREADABLE' | 'SNAPSHOT_MISSING'
  | 'SNAPSHOT_UNREADABLE' | 'SNAPSHOT_STALE' | 'SNAPSHOT_OF_OTHER_PRODUCT' | 'BOOT_ID_UNREADABLE'
  /** The verifier itself failed, or was given no inputs; `detail` says how. Only here, never in the Rust crate. */
  | 'INTERNAL'

export interface Inputs {
  /** `license.json`, or its folder; files beside it named `license*.json` count, too. */
  license: string
  /** What `wt-install` writes for containers: `/run/wt/host.json`. */
  snapshot: string
  /** The text of the vendor's `trust.json`, built into the product. */
  trust: string | Uint8Array
  product: string
  /** The release that runs, as a semantic version; left out, it is not compared. */
  release?: string | null
  /** Left out: `/proc/sys/kernel/random/boot_id`. */
  bootId?: string
  /** Left out: the clock. */
  now?: Date | number
}

export interface Terms {
  license_id: string
  customer: string
  product: string
  edition: string
  nodes: number
  seats: number
  /** Names, or `*` for all. */
  modules: string[]
  releases: string
  issued_at: string
  not_before: string
  notify_at: string
  expires_at: string
  restrict_at: string
  drift_grace_days: number
}

export interface Compared {
  kind: string
  class: 'strong' | 'medium' | 'continuity'
  weight: number
  result: 'match' | 'partial' | 'differ' | 'unreadable'
}

export interface Verdict {
  schema: 'wt.verdict.v1'
  state: State
  reason: Reason
  /** Whether the product is to work; not part of the JSON. */
  readonly licensed: boolean
  /** The time that the dates were compared with; `null` where no license could be trusted. */
  judged_at: string | null
  /** Whole days until the license expires, or those that follow it without a gap do; negative afterwards. */
  days_left: number | null
  /** When the last of those expires that follow. */
  renewed_until: string | null
  /** Whole days that a changed machine has; `null` where it has not changed. */
  drift_days_left: number | null
  /** The clock is more than a day behind what is known to be past. */
  clock_behind: boolean
  /** What a trusted license says. */
  license: Terms | null
  /** The bound machine that this host is most like. */
  node: string | null
  score_percent: number | null
  components: Compared[]
  /** The error behind the reason, in words. */
  detail: string | null
  /** The licenses beside it that did not decide, by file. */
  others: { file: string; state: State; reason: Reason }[]
}

/** Reads the files and judges. It never throws, starts nothing and opens no connection. */
export function checkLicense(inputs: Inputs): Verdict

/** A license that is checked again when one of its files changes, and once a minute. */
export class WatchedLicense {
  constructor(inputs: Inputs)
  verdict(): Verdict
  /** Calls `changed` when state, reason or license are others; returns what ends it. It keeps no process alive. */
  watch(changed: (verdict: Verdict, before: Verdict) => void, everyMilliseconds?: number): () => void
}

/** Whether the product is to work. */
export function isLicensed(verdict: Verdict): boolean

/** Whether a module is switched on: never where the product is not to work. */
export function hasModule(verdict: Verdict, name: string): boolean

/** A first line that says it all, what was compared, and what to do next: the words of `wt-license explain`. */
export function explain(verdict: Verdict): string

/** For tests and for who reads files by other means: the same on bytes. */
export function judgeAll(
  candidates: { name: string; bytes: Uint8Array }[],
  host: { snapshot?: object; components?: object[]; unreadable?: Reason },
  inputs: Pick<Inputs, 'trust' | 'release' | 'now'> & { product?: string | null },
): Verdict
