/** Quantities that are learnt, all in milliseconds. */
export type Calibrated = 'spawnMs' | 'dispatchMs' | 'cloneNodeMs' | 'cloneByteMs'

/** How one of them is learnt. */
interface Course {
  /** What is taken for true as long as too little has been seen. */
  readonly assumedMs: number
  /** No machine is believed to be faster or slower. */
  readonly leastMs: number
  readonly mostMs: number
  /** Measurements that make it more than an assumption. */
  readonly needed: number
  /** The part of the way to a shorter and to a longer measurement that the estimate goes. */
  readonly down: number
  readonly up: number
}

const COURSES: Readonly<Record<Calibrated, Course>> = {
  spawnMs: { assumedMs: 40, leastMs: 1, mostMs: 2000, needed: 1, down: 1 / 4, up: 1 / 4 },
  // What disturbs so short a time makes it much longer.
  dispatchMs: { assumedMs: 0.03, leastMs: 0.003, mostMs: 1, needed: 4, down: 1 / 4, up: 1 / 64 },
  // Here a part of what disturbs, the collection of garbage, is of its own making.
  cloneNodeMs: { assumedMs: 0.000_2, leastMs: 0.000_01, mostMs: 0.01, needed: 4, down: 1 / 16, up: 1 / 16 },
  cloneByteMs: { assumedMs: 0.000_001, leastMs: 0.000_000_03, mostMs: 0.000_03, needed: 4, down: 1 / 16, up: 1 / 16 },
}

/** A measurement of this many times the estimate says no more than that. */
const MOST_TIMES = 3

/** What moving work costs in this process: assumptions at first, then what real work has shown. */
export class Calibration {
  /** From the start of a worker until it has loaded its first task. */
  spawnMs = COURSES.spawnMs.assumedMs
  /** One message to a worker and its answer, on either side. */
  dispatchMs = COURSES.dispatchMs.assumedMs
  /** Structured clone, there and back out: for each object, property or element… */
  cloneNodeMs = COURSES.cloneNodeMs.assumedMs
  /** … and for each byte of strings and buffers. */
  cloneByteMs = COURSES.cloneByteMs.assumedMs
  readonly #seen: Record<Calibrated, number> = { spawnMs: 0, dispatchMs: 0, cloneNodeMs: 0, cloneByteMs: 0 }

  /** Takes a measurement into account. One that would do alone replaces the assumption; else each moves the estimate by a part. */
  learn(what: Calibrated, measuredMs: number): void {
    if (!Number.isFinite(measuredMs)) return
    const { leastMs, mostMs, needed, down, up } = COURSES[what]
    const ms = Math.min(mostMs, MOST_TIMES * this[what], Math.max(leastMs, measuredMs))
    const isFirst = ++this.#seen[what] === 1
    this[what] += (ms - this[what]) * (isFirst && needed === 1 ? 1 : ms < this[what] ? down : up)
  }

  /** Whether it is more than an assumption. */
  isMeasured(what: Calibrated): boolean {
    return this.#seen[what] >= COURSES[what].needed
  }
}

/** Of this process. */
export const calibration = new Calibration()

/** What a structured clone has to do. */
export interface CloneWeight {
  /** Objects, properties and elements to visit. */
  readonly nodes: number
  /** Bytes of strings and buffers to copy. */
  readonly bytes: number
}

/** What copying a value to another thread costs, both sides together. */
export function cloneMsOf(
  { nodes, bytes }: CloneWeight,
  { cloneNodeMs, cloneByteMs }: Pick<Calibration, 'cloneNodeMs' | 'cloneByteMs'>,
): number {
  return nodes * cloneNodeMs + bytes * cloneByteMs
}
