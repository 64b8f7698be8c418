import { type Clock, systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import { type Breaker, createBreaker, openBreaker } from './breaker.js'
import { NativeBreaker } from './native-breaker.js'
import { OwnNames } from './own-names.js'
import type { CellAddress } from './region.js'

const ownNames = new OwnNames<{ readonly address: CellAddress; readonly founding: Float64Array }>()

/**
 * The breaker of `name`, made by whoever asks first, and what it was founded with. Every thread of the process gets the same one;
 * on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY in a worker without the addon
 */
export function breakerByName(name: string, parameters: Float64Array, clock: Clock): { breaker: Breaker; founding: Float64Array } {
  const addon = nativeAddon()
  if (addon !== null && clock === systemClock) {
    const founding = parameters.slice()
    return { breaker: NativeBreaker.named(addon, name, founding, clock), founding }
  }
  const { address, founding } = ownNames.findOrMake(name, clock, () => ({ address: createBreaker(parameters, clock).address, founding: parameters }))
  return { breaker: openBreaker(address, founding, clock).breaker, founding }
}
