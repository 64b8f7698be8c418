import { type Calibration, calibration } from './calibration.js'
import { sizeOf } from './value-size.js'

/** What a structured clone has to do. */
export interface CloneWeight {
  /** Objects, properties and elements to visit. */
  readonly nodes: number
  /** Bytes of strings and buffers to copy. */
  readonly bytes: number
}

/** What copying a value to another thread costs, both sides together. */
export function cloneMsOf({ nodes, bytes }: CloneWeight, { cloneNodeMs, cloneByteMs }: Pick<Calibration, 'cloneNodeMs' | 'cloneByteMs'>): number {
  return nodes * cloneNodeMs + bytes * cloneByteMs
}

/**
 * From here on workers shorten a run by too little to count. With c for the copies of an item of t, half of them on either side, this thread
 * and one worker take (t + c/2) / 2 for each, and however many there are, this thread sends them one in c/2: both come to t at c = 2 t.
 */
const HEAVIEST = 1.8

/** Whether an item that takes `itemMs`, and what comes of it, cost too much to be sent. */
export function isTooHeavy(item: unknown, result: unknown, itemMs: number): boolean {
  if (typeof item === 'number' && typeof result === 'number') return false
  const [ofItem, ofResult] = [sizeOf(item), sizeOf(result)]
  if (ofItem.obstacle !== undefined || ofResult.obstacle !== undefined) return true
  return cloneMsOf({ nodes: ofItem.nodes + ofResult.nodes, bytes: ofItem.bytes + ofResult.bytes }, calibration) > HEAVIEST * itemMs
}
