import { isMainThread } from 'node:worker_threads'
import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { type PlacedTable, createKeyedTable, keyedTableOfProcess } from './keyed-table.js'
import type { KeyedParameters } from './keyed-terms.js'

/** Names of this thread alone, by clock: where there is no addon, and on every clock but the system's, whose time means nothing to others. */
const ownNames = new WeakMap<Clock, Map<string, PlacedTable>>()

/**
 * The keyed table of `name`, made by whoever asks first. Every thread of the process gets the same one; on a clock of the
 * caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or, without the addon, in a worker
 */
export function keyedTableByName(name: string, parameters: KeyedParameters, clock: Clock): PlacedTable {
  const placed = keyedTableOfProcess(name, parameters, clock) ?? tableOfOwnName(name, parameters, clock)
  const [theirs, ours] = [textOf(placed.parameters), textOf(parameters)]
  if (theirs === ours) return placed
  throw new SharedMemoryError(`the name '${name}' is in use in this process with ${theirs}, so it cannot be used with ${ours}; use another name`, {
    reason: 'parameters-differ',
  })
}

function textOf({ rate, burst, capacity, evicts }: KeyedParameters): string {
  return `{ requestsPerSecond: ${rate}, burstSize: ${burst}, capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`
}

function tableOfOwnName(name: string, parameters: KeyedParameters, clock: Clock): PlacedTable {
  if (clock === systemClock && !isMainThread) {
    // A private limit under a shared name would be the very defect this package exists to end.
    throw new SharedMemoryError(
      `the name '${name}' cannot be shared with this worker, because the native addon is not loaded and only it has a table of names for all threads; pass limiter.share() to the worker instead`,
      { reason: 'unavailable' },
    )
  }
  let names = ownNames.get(clock)
  if (names === undefined) ownNames.set(clock, (names = new Map<string, PlacedTable>()))
  let placed = names.get(name)
  if (placed === undefined) names.set(name, (placed = createKeyedTable(parameters, clock)))
  return placed
}
