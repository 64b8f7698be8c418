import { SharedMemoryError } from '../../errors.js'
import type { Clock } from '../../internal/clock.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import type { KeyedTable } from './table.js'
import { type KeyedParameters, KeyedTerms, keyedCells } from './terms.js'
import { CELL_BYTES, KEYED, KIND, WORDS_PER_CELL, kindWord } from '../shared/layout.js'
import { NativeKeyedTable } from './native.js'
import { type CellAddress, allocateOwnBuffer, viewCells } from '../shared/region.js'
import { TwinKeyedTable } from './twin.js'

/** Where a table's cells are (null: under a name), and the table. */
export interface PlacedTable {
  readonly table: KeyedTable
  readonly address: CellAddress | null
  readonly parameters: KeyedParameters
}

/** Makes a new, empty table in a buffer of its own. @throws {RangeError} naming the capacity when there is no memory for it */
export function createKeyedTable(parameters: KeyedParameters, clock: Clock): PlacedTable {
  const cells = keyedCells(parameters.capacity)
  const address = allocate(parameters.capacity, cells)
  const view = new BigInt64Array(address.buffer, address.cell * CELL_BYTES, cells * WORDS_PER_CELL)
  const addon = nativeAddon()
  const table =
    addon === null
      ? TwinKeyedTable.create(view, parameters, randomSeed(), clock)
      : NativeKeyedTable.create(addon, view, parameters, randomSeed(), clock)
  return { table, address, parameters }
}

/** Opens the table that another limiter, perhaps of another thread, has made. Throws as `viewCells` does. */
export function openKeyedTable(address: CellAddress, clock: Clock): PlacedTable {
  const header = viewCells(address, KEYED.headerCells, kindWord(KIND.keyedTable))
  const terms = KeyedTerms.read(header)
  if (terms === null)
    throw new SharedMemoryError(`cell ${address.cell} of the region holds no keyed table of this version`, {
      reason: 'wrong-kind',
    })
  const view = viewCells(address, keyedCells(terms.asked.capacity), kindWord(KIND.keyedTable))
  const addon = nativeAddon()
  return {
    table: addon === null ? new TwinKeyedTable(view, terms, clock) : NativeKeyedTable.open(addon, view, clock),
    address,
    parameters: terms.asked,
  }
}

/** The table of `name` in the addon's own names, or in those of the machine. */
export function openNamedKeyedTable(
  addon: NativeAddon,
  name: string,
  scope: 'process' | 'machine',
  parameters: KeyedParameters,
  clock: Clock,
): PlacedTable {
  const { table, founding } = NativeKeyedTable.named(addon, name, scope, parameters, randomSeed(), clock)
  return { table, address: null, parameters: founding }
}

function randomSeed(): BigUint64Array {
  return crypto.getRandomValues(new BigUint64Array(2))
}

function allocate(capacity: number, cells: number): CellAddress {
  try {
    return allocateOwnBuffer(cells)
  } catch (cause) {
    throw new RangeError(
      `capacity ${capacity} needs ${cells * CELL_BYTES} bytes of shared memory, which cannot be had`,
      { cause },
    )
  }
}
