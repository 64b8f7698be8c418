import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { CELL_BYTES, KEYED, KIND, kindWord } from '../shared/layout.js'
import { allocateOwnBuffer, type CellAddress, viewCells } from '../shared/region.js'
import { Subjects } from '../shared/subjects.js'
import { NativeKeyedTable } from './native.js'
import type { KeyedTable } from './table.js'
import { type KeyedParameters, KeyedTerms, keyedCells } from './terms.js'
import { TwinKeyedTable } from './twin.js'

/** Tables of buckets by key; a new one is empty. Where there is no memory for one, a RangeError names its capacity. */
export const keyedTables = new Subjects<KeyedTable, KeyedParameters>({
  word: kindWord(KIND.keyedTable),
  cells: ({ capacity }) => keyedCells(capacity),
  allocate: allocateTable,
  read: (address) => readTerms(address, KIND.keyedTable, (words) => KeyedTerms.read(words)).asked,
  make: (addon, view, parameters, clock) =>
    addon === null
      ? TwinKeyedTable.create(view, parameters, randomSeed(), clock)
      : NativeKeyedTable.create(addon, view, parameters, randomSeed(), clock),
  open: (addon, view, clock) =>
    addon === null ? TwinKeyedTable.open(view, clock) : NativeKeyedTable.open(addon, view, clock),
  named: (addon, name, scope, asked, clock) => NativeKeyedTable.named(addon, name, scope, asked, randomSeed(), clock),
  text: ({ rate, burst, capacity, evicts }) =>
    `{ requestsPerSecond: ${rate}, burstSize: ${burst}, capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`,
})

/** Nobody who does not know it can make up keys that meet in one group. */
export function randomSeed(): BigUint64Array {
  // Not by the global of that name: tests put their own in its place, and Node can be started without it.
  return builtins.crypto.getRandomValues(new BigUint64Array(2))
}

/** A buffer of its own for a table. @throws {RangeError} naming the capacity when there is no memory for it */
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

/**
 * What the header of a table says.
 *
 * @param read - finds it in the words, or null where they hold none of this version
 * @throws as `viewCells` does
 */
export function readTerms<T>(address: CellAddress, kind: number, read: (words: BigInt64Array) => T | null): T {
  const terms = read(viewCells(address, KEYED.headerCells, kindWord(kind)))
  if (terms !== null) return terms
  throw new SharedMemoryError(`cell ${address.cell} of the region holds no table of this version`, {
    reason: 'wrong-kind',
  })
}
