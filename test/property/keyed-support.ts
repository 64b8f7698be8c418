import { nativeAddon } from '../../dist/internal/native.js'
import { costInUnits } from '../../dist/memory/shared/rate.js'
import type { KeyedTable } from '../../dist/memory/keyed/table.js'
import { type KeyedParameters, KeyedTerms, keyedCells } from '../../dist/memory/keyed/terms.js'
import { NativeKeyedTable } from '../../dist/memory/keyed/native.js'
import { allocateOwnBuffer } from '../../dist/memory/shared/region.js'
import { OUTCOME } from '../../dist/memory/bucket/core.js'
import { TwinKeyedTable } from '../../dist/memory/keyed/twin.js'
import type { MakeLimit } from './bucket-bound-properties.js'
import { HandClock } from './bucket-support.js'

const SEED = BigUint64Array.of(1n, 2n)

export function freshTableWords(capacity: number): BigInt64Array {
  return new BigInt64Array(allocateOwnBuffer(keyedCells(capacity)).buffer, 64)
}

export function createNativeTable(words: BigInt64Array, parameters: KeyedParameters, clock: HandClock): KeyedTable {
  return NativeKeyedTable.create(nativeAddon()!, words, parameters, SEED, clock)
}

export function createTwinTable(words: BigInt64Array, parameters: KeyedParameters, clock: HandClock): KeyedTable {
  return TwinKeyedTable.create(words, parameters, SEED, clock)
}

/** A run of a key's axis, as a line of callers holds it. */
interface HeldRun {
  readonly end: number
  readonly units: number
}

/** The bucket of one key as a limit: a reservation is a run that is taken whatever its start, and goes back if it is the last. */
export function limitOfKey(create: typeof createTwinTable): MakeLimit {
  return (rate, burst) => {
    const clock = new HandClock()
    const parameters = { rate, burst, capacity: 4, evicts: true }
    const table = create(freshTableWords(4), parameters, clock)
    return {
      limit: {
        tryAcquire: (tokens) => table.tryAcquire('key', tokens),
        reserve: (tokens) => {
          const axis = table.survey('key', 0)
          const units = Math.min(costInUnits(tokens, axis.digits), axis.burst)
          const start = table.reserveRun('key', axis, units, 0, Number.MAX_SAFE_INTEGER)
          if (start === null) return { outcome: OUTCOME.denied, ticket: { waitMs: Infinity, at: null } }
          const run: HeldRun = { end: start + units, units }
          return { outcome: OUTCOME.granted, ticket: { waitMs: table.msUntil(axis, run.end), at: run } }
        },
        cancel: ({ at }, tokens) => {
          const { end, units } = at as HeldRun
          return table.returnRun('key', table.survey('key', 0), end, units) ? tokens : 0
        },
      },
      clock,
      unit: 10 ** -KeyedTerms.make(0n, parameters, { low: 1n, high: 2n }).digits,
    }
  }
}
