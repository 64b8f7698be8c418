import { statSync } from 'node:fs'
import { startOf } from '../../internal/process-identity.js'
import { MACHINE } from '../shared/layout.js'

const PID_BITS = BigInt(MACHINE.pidBits)
const PID_MASK = (1n << PID_BITS) - 1n

/** Numbers of the processes in the rows of a region's header that still run. */
export function livingOwners(words: BigInt64Array, living: Living): number[] {
  // Most rows are empty, which `halves` shows without a BigInt for each.
  const halves = new Int32Array(words.buffer, words.byteOffset, 2 * words.length)
  const alive: number[] = []
  for (let row = 0; row < MACHINE.ownerRows; row++) {
    const at = MACHINE.owners + row * MACHINE.ownerRowWords
    if (halves[2 * at] === 0 && halves[2 * at + 1] === 0) continue
    const owner = words[at] ?? 0n
    if (living.includes(owner, words[at + 1] ?? 0n)) alive.push(Number(owner & PID_MASK))
  }
  return alive
}

/** Finds out which processes still run. It asks once per listing for each process, since many names have the same users. */
export class Living {
  readonly user = process.geteuid?.() ?? 0
  readonly #known = new Map<bigint, boolean>()
  readonly #own = process.platform === 'linux' ? ownSpace() : null

  /** Gives the same answer as native/os/process_identity.cc: true also if it cannot be known. */
  includes(owner: bigint, space: bigint): boolean {
    if (this.#own !== null && space !== 0n && space !== this.#own) return true
    let isAlive = this.#known.get(owner)
    if (isAlive === undefined) {
      isAlive = runsSince(Number(owner & PID_MASK), owner >> PID_BITS)
      this.#known.set(owner, isAlive)
    }
    return isAlive
  }
}

/** Whether the process `pid` runs and began at `start`, so it is not another one with the same number. A start of 0 is unknown. */
function runsSince(pid: number, start: bigint): boolean {
  const started = startOf(pid)
  return started !== null && (start === 0n || started === 'unknown' || BigInt(started) === start)
}

/** This process's PID namespace; null if there is no /proc. */
function ownSpace(): bigint | null {
  try {
    return BigInt(statSync('/proc/self/ns/pid').ino)
  } catch {
    return null
  }
}
