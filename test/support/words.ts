import { CELL_BYTES, WORDS_PER_CELL } from '../../dist/memory/shared/layout.js'
import { bytesOf, type CellAddress } from '../../dist/memory/shared/region.js'

/** The words of so many cells at the address of a handle; without a number all to the end of its memory. */
export function wordsAt({ buffer, cell }: Partial<CellAddress>, cells?: number): BigInt64Array {
  return new BigInt64Array(
    bytesOf(buffer!),
    cell! * CELL_BYTES,
    cells === undefined ? undefined : cells * WORDS_PER_CELL,
  )
}
