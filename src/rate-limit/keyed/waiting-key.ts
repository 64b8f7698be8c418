import type { WaitingBucket } from '../../memory/bucket/bucket.js'
import type { Key } from '../../memory/keyed/hash.js'
import type { KeyedTable } from '../../memory/keyed/table.js'
import type { Axis } from '../../memory/shared/axis.js'

/** A base is a multiple of this, which a double holds exactly wherever the axis is. */
const BASE_STEP = 1024

/** A key's bucket as a line of callers sees it. Other lines do not know of it: there are no rows for keys. */
export class WaitingKey implements WaitingBucket {
  readonly #table: KeyedTable
  readonly #key: Key
  readonly #base: number

  constructor(table: KeyedTable, key: Key) {
    this.#table = table
    this.#key = key
    this.#base = Math.floor(table.survey(key, 0).produced / BASE_STEP) * BASE_STEP
  }

  survey(): Axis {
    return this.#table.survey(this.#key, this.#base)
  }

  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null {
    return this.#table.reserveRun(this.#key, axis, units, reach, limit)
  }

  returnRun(axis: Axis, end: number, units: number): boolean {
    return this.#table.returnRun(this.#key, axis, end, units)
  }

  msUntil(axis: Axis, place: number): number {
    return this.#table.msUntil(axis, place)
  }
}
