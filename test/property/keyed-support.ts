import { nativeAddon } from '../../dist/internal/native.js'
import type { KeyedTable } from '../../dist/memory/keyed-table.js'
import { type KeyedParameters, KeyedTerms, keyedCells } from '../../dist/memory/keyed-terms.js'
import { NativeKeyedTable } from '../../dist/memory/native-keyed-table.js'
import { allocateOwnBuffer } from '../../dist/memory/region.js'
import { TwinKeyedTable } from '../../dist/memory/twin-keyed-table.js'
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

/** The bucket of one key as a limit. */
export function limitOfKey(create: typeof createTwinTable): MakeLimit {
  return (rate, burst) => {
    const clock = new HandClock()
    const parameters = { rate, burst, capacity: 4, evicts: true }
    const table = create(freshTableWords(4), parameters, clock)
    return {
      limit: {
        tryAcquire: (tokens) => table.tryAcquire('key', tokens),
        reserve: (tokens, maxWaitMs) => table.reserve('key', tokens, maxWaitMs),
        cancel: (ticket, tokens) => table.cancel('key', ticket, tokens),
      },
      clock,
      unit: 10 ** -KeyedTerms.make(0n, parameters, { low: 1n, high: 2n }).digits,
    }
  }
}
