import type { Clock } from '../../internal/clock.js'
import type { Breaker } from './breaker.js'
import { createBreaker, openBreaker } from './index.js'
import { openName } from '../shared/machine-names.js'
import { NativeBreaker } from './native.js'
import type { CellAddress } from '../shared/region.js'
import { addonForNames, type NameScope, OwnNames } from '../shared/names.js'

const ownNames = new OwnNames<{ readonly address: CellAddress; readonly founding: Float64Array }>()

/**
 * The breaker of `name`, made by whoever asks first, and what it was founded with. Every thread of the process gets the same one, in
 * scope 'machine' every process of the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name cannot be shared: without the addon in a worker, and with the machine for
 *   any of the reasons of {@link openName}
 */
export function breakerByName(
  name: string,
  scope: NameScope,
  parameters: Float64Array,
  clock: Clock,
): { breaker: Breaker; founding: Float64Array } {
  const addon = addonForNames(name, scope, clock)
  if (addon !== null) {
    const founding = parameters.slice()
    return { breaker: openName(name, () => NativeBreaker.named(addon, name, scope, founding, clock)), founding }
  }
  const { address, founding } = ownNames.findOrMake(name, scope, clock, () => ({
    address: createBreaker(parameters, clock).address,
    founding: parameters,
  }))
  return { breaker: openBreaker(address, founding, clock).breaker, founding }
}
