import { CARRY, type Elsewhere } from '../execute/options.js'
import type { Carrying } from '../execute/run/run.js'
import { readOptions } from '../internal/options/options.js'
import { checkFunction } from '../internal/options/validate.js'
import { Driver } from './driver.js'
import { PLACE_OPTIONS, type PlaceOptions } from './place-options.js'
import type { OpenTransport } from './transport.js'

/**
 * A place for `on` of `execute` and `stream`, over a carrier of your own.
 *
 * @param open - opens the carrier for one run
 * @param options - see {@link PlaceOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function overTransport(open: OpenTransport, options: PlaceOptions = {}): Elsewhere {
  checkFunction('open', open)
  const settings = readOptions('overTransport', options, PLACE_OPTIONS)
  const place: Elsewhere & Carrying = {
    kind: 'amorsize.elsewhere',
    [CARRY]: (beginning) => new Driver(open, settings, beginning),
  }
  return place
}
