import type { Calibration } from './calibration.js'

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
