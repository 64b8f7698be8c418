import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import type { NameScope } from './bucket-names.js'
import { type PlacedTable, createKeyedTable, openNamedKeyedTable } from './keyed-table.js'
import type { KeyedParameters } from './keyed-terms.js'
import { addonForMachine, openName } from './machine-names.js'
import { OwnNames } from './own-names.js'

const ownNames = new OwnNames<PlacedTable>()

/**
 * The keyed table of `name`, made by whoever asks first. Every thread of the process gets the same one, in scope 'machine' every process of
 * the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared: without the addon in
 *   a worker, and with the machine for any of the reasons of {@link openName}
 */
export function keyedTableByName(name: string, scope: NameScope, parameters: KeyedParameters, clock: Clock): PlacedTable {
  const placed = openByName(name, scope, parameters, clock)
  const [theirs, ours] = [textOf(placed.parameters), textOf(parameters)]
  if (theirs === ours) return placed
  const [where, mend] = scope === 'process' ? ['in this process', ''] : ['on this machine', `, or remove it with 'amorsize shm remove' when no process uses it`]
  throw new SharedMemoryError(`the name '${name}' is in use ${where} with ${theirs}, so it cannot be used with ${ours}; use another name${mend}`, {
    reason: 'parameters-differ',
  })
}

function textOf({ rate, burst, capacity, evicts }: KeyedParameters): string {
  return `{ requestsPerSecond: ${rate}, burstSize: ${burst}, capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`
}

function openByName(name: string, scope: NameScope, parameters: KeyedParameters, clock: Clock): PlacedTable {
  const addon = clock !== systemClock ? null : scope === 'machine' ? addonForMachine(name) : nativeAddon()
  if (addon === null) return ownNames.findOrMake(`${scope}:${name}`, clock, () => createKeyedTable(parameters, clock))
  return openName(name, () => openNamedKeyedTable(addon, name, scope, parameters, clock))
}
