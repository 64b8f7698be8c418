import { SharedMemoryError } from '../errors.js'
import { keyedTableByName } from '../memory/keyed/names.js'
import { type PlacedTable, createKeyedTable, openKeyedTable } from '../memory/keyed/index.js'
import type { CellAddress } from '../memory/shared/region.js'
import type { CompleteKeyedPolicy } from './keyed-policy.js'

/** The table of a policy: a new one, that of its name, or that of a handle. */
export function placeTable(policy: CompleteKeyedPolicy, adopted: CellAddress | null): PlacedTable {
  const { requestsPerSecond: rate, burstSize: burst, capacity, onFull, clock, name, scope } = policy
  const parameters = { rate, burst, capacity, evicts: onFull === 'evict' }
  if (name !== undefined) return keyedTableByName(name, scope, parameters, clock)
  if (adopted === null) return createKeyedTable(parameters, clock)
  const placed = openKeyedTable(adopted, clock)
  const isSame = (['rate', 'burst', 'capacity', 'evicts'] as const).every(
    (key) => placed.parameters[key] === parameters[key],
  )
  if (!isSame)
    throw new SharedMemoryError('the table of this handle has other parameters than its policy says', {
      reason: 'parameters-differ',
    })
  return placed
}
