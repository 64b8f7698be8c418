import { builtins } from '../../internal/builtins.js'
import { CELL_BYTES, KEYED, KIND, kindWord } from '../shared/layout.js'
import { allocateOwnBuffer, type CellAddress } from '../shared/region.js'
import { Subjects } from '../shared/subjects.js'
import { type KeyedParameters, KeyedTable, keyedCells } from './table.js'

/** Tables of buckets by key; a new one is empty. If there is no memory for one, a RangeError names its capacity. */
export const keyedTables = new Subjects<KeyedTable, KeyedParameters>({
  word: kindWord(KIND.keyedTable),
  cells: ({ capacity }) => keyedCells(capacity),
  cellsAtLeast: KEYED.headerCells,
  allocate: allocateTable,
  make: (core, view, parameters, clock) => KeyedTable.create(core, view, parameters, randomSeed(), clock),
  open: (core, view, _, clock) => KeyedTable.open(core, view, clock),
  named: (core, name, scope, asked, clock) => KeyedTable.named(core, name, scope, asked, randomSeed(), clock),
  text: ({ rate, burst, capacity, evicts }) =>
    `{ requestsPerSecond: ${rate}, burstSize: ${burst}, capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`,
})

/** A secret: only with it could somebody make up keys that meet in one group. */
export function randomSeed(): BigUint64Array {
  // Not the global `crypto`: tests replace it, and Node can be started without it.
  return builtins.crypto.getRandomValues(new BigUint64Array(2))
}

/** Allocates the table's own buffer. @throws {RangeError} naming the capacity when there is no memory for it */
export function allocateTable(cells: number, { capacity }: { readonly capacity: number }): CellAddress {
  try {
    return allocateOwnBuffer(cells)
  } catch (cause) {
    throw new RangeError(
      `capacity ${capacity} needs ${cells * CELL_BYTES} bytes of shared memory, which cannot be had`,
      { cause },
    )
  }
}
