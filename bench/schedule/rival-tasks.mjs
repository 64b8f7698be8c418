// The worker of piscina and tinypool, which call an export by name: one item, or a chunk of them.
import { spinArray, spinNumber, spinRecord, spinRows } from './workloads.mjs'

export { spinArray, spinNumber, spinRecord, spinRows }
export const spinNumberChunk = (items) => items.map(spinNumber)
export const spinRecordChunk = (items) => items.map(spinRecord)
export const spinRowsChunk = (items) => items.map(spinRows)
export const spinArrayChunk = (items) => items.map(spinArray)
