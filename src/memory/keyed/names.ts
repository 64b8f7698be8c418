import type { Clock } from '../../internal/clock.js'
import { type PlacedTable, createKeyedTable, openNamedKeyedTable } from './index.js'
import type { KeyedParameters } from './terms.js'
import { openName } from '../shared/machine-names.js'
import { addonForNames, type NameScope, otherParameters, OwnNames } from '../shared/names.js'

const ownNames = new OwnNames<PlacedTable>()

/**
 * The keyed table of `name`, made by whoever asks first. Every thread of the process gets the same one, in scope 'machine' every process of
 * the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared: without the addon in
 *   a worker, and with the machine for any of the reasons of {@link openName}
 */
export function keyedTableByName(
  name: string,
  scope: NameScope,
  parameters: KeyedParameters,
  clock: Clock,
): PlacedTable {
  const placed = openByName(name, scope, parameters, clock)
  const [theirs, ours] = [textOf(placed.parameters), textOf(parameters)]
  if (theirs === ours) return placed
  // Of a name of this thread alone it is the one that all share, and has nothing to close.
  placed.table.close?.()
  throw otherParameters(`the name '${name}'`, scope, theirs, ours)
}

function textOf({ rate, burst, capacity, evicts }: KeyedParameters): string {
  return `{ requestsPerSecond: ${rate}, burstSize: ${burst}, capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`
}

function openByName(name: string, scope: NameScope, parameters: KeyedParameters, clock: Clock): PlacedTable {
  const addon = addonForNames(name, scope, clock)
  if (addon === null) return ownNames.findOrMake(name, scope, clock, () => createKeyedTable(parameters, clock))
  return openName(name, () => openNamedKeyedTable(addon, name, scope, parameters, clock))
}
