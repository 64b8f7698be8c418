import type { ValueSize } from './value-size.js'

/** A measurement is limited to this many times the estimate, … */
const MOST_TIMES = 3
/** … and no machine is believed to be faster or slower than this. */
const SPAWN_MS = { least: 1, most: 2000 }
/** How far the estimate moves towards a new measurement, 0–1. */
const MOVES = 1 / 4
/** Structured clone, there and back out: for each object, property or element, and for each byte of strings and buffers. */
const CLONE_MS = { node: 0.000_2, byte: 0.000_001 }

/** The cost of moving work to other threads. */
export class Calibration {
  /** From the start of a worker until it has loaded its first task: assumed at first, then learnt. */
  spawnMs = 40
  /** One message to a worker and its answer, on either side. */
  readonly dispatchMs = 0.03
  /** Whether a worker has been started: until then `spawnMs` is assumed. */
  isMeasured = false

  /** A worker has started. The first measurement replaces the assumption. */
  started(measuredMs: number): void {
    if (!Number.isFinite(measuredMs)) return
    const ms = Math.min(SPAWN_MS.most, MOST_TIMES * this.spawnMs, Math.max(SPAWN_MS.least, measuredMs))
    this.spawnMs += (ms - this.spawnMs) * (this.isMeasured ? MOVES : 1)
    this.isMeasured = true
  }
}

export const calibration = new Calibration()

/** The cost of copying a value to another thread, both sides together. */
export function cloneMsOf({ nodes, bytes }: Pick<ValueSize, 'nodes' | 'bytes'>): number {
  return nodes * CLONE_MS.node + bytes * CLONE_MS.byte
}
