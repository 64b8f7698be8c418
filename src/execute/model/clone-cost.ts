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
export function cloneMsOf(
  { nodes, bytes }: CloneWeight,
  { cloneNodeMs, cloneByteMs }: Pick<Calibration, 'cloneNodeMs' | 'cloneByteMs'>,
): number {
  return nodes * cloneNodeMs + bytes * cloneByteMs
}

/**
 * From here on workers shorten a run by too little to count. With c for the copies of an item of t, half of them on either side, this thread
 * and one worker take (t + c/2) / 2 for each, and however many there are, this thread sends them one in c/2: both come to t at c = 2 t.
 */
const HEAVIEST = 1.8

/** What it costs to copy an item, and what comes of it, in times of the `itemMs` that it takes; Infinity for what cannot be copied. */
export function weightOf(item: unknown, result: unknown, itemMs: number): number {
  if (typeof item === 'number' && typeof result === 'number') return 0
  const [ofItem, ofResult] = [sizeOf(item), sizeOf(result)]
  if (ofItem.obstacle !== undefined || ofResult.obstacle !== undefined) return Infinity
  return cloneMsOf({ nodes: ofItem.nodes + ofResult.nodes, bytes: ofItem.bytes + ofResult.bytes }, calibration) / itemMs
}

/** Whether an item of this {@link weightOf weight} costs too much to be sent. */
export function isTooHeavy(weight: number): boolean {
  return weight > HEAVIEST
}
