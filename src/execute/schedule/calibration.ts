import type { ValueSize } from './value-size.js'

/** Costs that are learnt, all in milliseconds. */
type Calibrated = 'spawnMs' | 'dispatchMs' | 'cloneNodeMs' | 'cloneByteMs'

interface Learning {
  /** The value until there are enough measurements. */
  readonly assumedMs: number
  /** Bounds: no machine is believed to be faster or slower. */
  readonly leastMs: number
  readonly mostMs: number
  /** Measurements that it takes to be more than an assumption. */
  readonly needed: number
  /** How far the estimate moves towards a shorter and towards a longer measurement, 0–1. */
  readonly down: number
  readonly up: number
}

const LEARNING: Readonly<Record<Calibrated, Learning>> = {
  spawnMs: { assumedMs: 40, leastMs: 1, mostMs: 2000, needed: 1, down: 1 / 4, up: 1 / 4 },
  // A disturbance makes so short a time many times as long.
  dispatchMs: { assumedMs: 0.03, leastMs: 0.003, mostMs: 1, needed: 4, down: 1 / 4, up: 1 / 64 },
  // Cloning causes garbage collections itself, so these belong to its cost.
  cloneNodeMs: { assumedMs: 0.000_2, leastMs: 0.000_01, mostMs: 0.01, needed: 4, down: 1 / 16, up: 1 / 16 },
  cloneByteMs: { assumedMs: 0.000_001, leastMs: 0.000_000_03, mostMs: 0.000_03, needed: 4, down: 1 / 16, up: 1 / 16 },
}

/** A measurement above this many times the estimate is cut to it. */
const MOST_TIMES = 3

/** The cost of moving work to other threads: assumed at first, then learnt from real work. */
export class Calibration {
  /** From the start of a worker until it has loaded its first task. */
  spawnMs = LEARNING.spawnMs.assumedMs
  /** One message to a worker and its answer, on either side. */
  dispatchMs = LEARNING.dispatchMs.assumedMs
  /** Structured clone, there and back out: for each object, property or element… */
  cloneNodeMs = LEARNING.cloneNodeMs.assumedMs
  /** … and for each byte of strings and buffers. */
  cloneByteMs = LEARNING.cloneByteMs.assumedMs
  readonly #seen: Record<Calibrated, number> = { spawnMs: 0, dispatchMs: 0, cloneNodeMs: 0, cloneByteMs: 0 }

  /** Takes a measurement into account: it moves the estimate by a part, or replaces the assumption if one measurement is enough. */
  learn(what: Calibrated, measuredMs: number): void {
    if (!Number.isFinite(measuredMs)) return
    const { leastMs, mostMs, needed, down, up } = LEARNING[what]
    const ms = Math.min(mostMs, MOST_TIMES * this[what], Math.max(leastMs, measuredMs))
    const isFirst = ++this.#seen[what] === 1
    this[what] += (ms - this[what]) * (isFirst && needed === 1 ? 1 : ms < this[what] ? down : up)
  }

  /** Whether it is more than an assumption. */
  isMeasured(what: Calibrated): boolean {
    return this.#seen[what] >= LEARNING[what].needed
  }
}

export const calibration = new Calibration()

/** The cost of copying a value to another thread, both sides together. */
export function cloneMsOf(
  { nodes, bytes }: Pick<ValueSize, 'nodes' | 'bytes'>,
  { cloneNodeMs, cloneByteMs }: Pick<Calibration, 'cloneNodeMs' | 'cloneByteMs'>,
): number {
  return nodes * cloneNodeMs + bytes * cloneByteMs
}
