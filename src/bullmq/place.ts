import { CARRY, type Elsewhere } from '../execute/options.js'
import type { Carrying } from '../execute/run/run.js'
import {
  namesOf,
  numberOption,
  option,
  optionalNumber,
  type OptionTable,
  readOptions,
  wordOption,
} from '../internal/options/options.js'
import { checkClock } from '../internal/options/check-common.js'
import { checkFunction } from '../internal/options/validate.js'
import { type Clock, realClock } from '../internal/time/clock.js'
import { Driver, type DriverSettings, MOST_WINDOW } from './driver.js'
import type { OpenTransport } from './transport.js'

/** How a run over many machines is divided and watched. */
export interface PlaceOptions {
  /** Chunks under way at the same time, an integer from 1 to 4096; default: twice the workers that are there, and two. */
  readonly windowChunks?: number | undefined
  /** Milliseconds of work in a chunk, > 0; default 2000. The first ones are small. */
  readonly chunkMs?: number | undefined
  /** Most bytes of a chunk's items, and of one result, on their way: >= 1024; default 262,144. */
  readonly maxChunkBytes?: number | undefined
  /**
   * The fate of the run when for ten seconds no worker is there, or all that are there refuse the task. 'wait' (default): it waits, and
   * gives a process warning; 'here': items run in this thread, until there are workers; 'throw': the run fails.
   */
  readonly onNoWorkers?: 'wait' | 'here' | 'throw' | undefined
  /** For tests; the default is Node's own time, also where a test framework has replaced it. */
  readonly clock?: Clock | undefined
}

const OPTIONS = {
  windowChunks: optionalNumber({ min: 1, max: MOST_WINDOW, integer: true }),
  chunkMs: numberOption({ min: 0, exclusiveMin: true }, 2000),
  maxChunkBytes: numberOption({ min: 1024, max: 2 ** 28, integer: true }, 256 * 1024),
  onNoWorkers: wordOption(['wait', 'here', 'throw'], 'wait'),
  clock: option('here', (name, value) => checkClock(name, value === undefined ? realClock : (value as Clock))),
} satisfies OptionTable<PlaceOptions>

export const PLACE_KEYS = namesOf(OPTIONS)

/**
 * A place for `on` of `execute` and `stream` over a carrier of your own.
 *
 * @param open - opens the carrier for one run
 * @param options - see {@link PlaceOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function overTransport(open: OpenTransport, options: PlaceOptions = {}): Elsewhere {
  checkFunction('open', open)
  const settings: DriverSettings = readOptions('overTransport', options, OPTIONS)
  const place: Elsewhere & Carrying = {
    kind: 'amorsize.elsewhere',
    [CARRY]: (beginning) => new Driver(open, settings, beginning),
  }
  return place
}
