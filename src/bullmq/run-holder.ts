import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { bootId, pidNamespace, startOf } from '../internal/process-identity.js'

/** Who drives a run, as its claim says. */
export interface Holder {
  readonly host: string
  readonly pid: number
  /** Where the process is: what its machine calls this start of it, and the namespace of its id. Missing where the system does not tell. */
  readonly boot?: string | undefined
  readonly namespace?: string | undefined
  /** When the process started, in the kernel's words. */
  readonly started?: string | undefined
  /** Of this claim alone: two runs of one process are two drivers. */
  readonly id: string
}

/** The claim of this process. */
export function ownHolder(): Holder {
  return {
    host: hostname(),
    pid: process.pid,
    boot: bootId(),
    namespace: pidNamespace(),
    started: startOf(process.pid) ?? undefined,
    id: randomUUID(),
  }
}

/**
 * Whether the holder is a process that can be seen from here, and has ended. Hosts and containers may share a name, and an id means another
 * process in each of them: of one whose place is another, or is not told, nothing is known, and its claim lapses by itself.
 *
 * @param own - what this process would claim
 */
export function hasDied({ boot, namespace, pid, started }: Holder, own: Holder = ownHolder()): boolean {
  if (boot === undefined || namespace === undefined || boot !== own.boot || namespace !== own.namespace) return false
  const found = startOf(pid)
  // One that is there and does not show when it started belongs to somebody else.
  return found === null || (found !== 'unknown' && found !== started)
}
