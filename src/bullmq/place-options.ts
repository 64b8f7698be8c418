import { checkClock } from '../internal/options/check-common.js'
import { numberOption, option, optionalNumber, type ReadOptions, wordOption } from '../internal/options/options.js'
import { type Clock, realClock } from '../internal/time/clock.js'

/** How a run over many machines is divided and watched. */
export interface PlaceOptions {
  /** Most chunks under way at the same time, an integer from 1 to 4096; default: two more than twice the number of workers. */
  readonly windowChunks?: number | undefined
  /** Milliseconds of work in a chunk, > 0; default 2000. The first ones are small. */
  readonly chunkMs?: number | undefined
  /** Most bytes of a chunk's items, and of one result, as they are sent: >= 1024; default 262,144. */
  readonly maxChunkBytes?: number | undefined
  /**
   * The reaction if there has been no worker for ten seconds, or all workers refuse the task. 'wait' (default): the run waits and gives a
   * process warning; 'here': items run in this thread until there are workers; 'throw': the run fails.
   */
  readonly onNoWorkers?: 'wait' | 'here' | 'throw' | undefined
  /** For tests; the default is Node's own time, even if a test framework has replaced it. */
  readonly clock?: Clock | undefined
}

export const MOST_WINDOW = 4096

export const PLACE_OPTIONS = {
  windowChunks: optionalNumber({ min: 1, max: MOST_WINDOW, integer: true }),
  chunkMs: numberOption({ min: 0, exclusiveMin: true }, 2000),
  maxChunkBytes: numberOption({ min: 1024, max: 2 ** 28, integer: true }, 256 * 1024),
  onNoWorkers: wordOption(['wait', 'here', 'throw'], 'wait'),
  clock: option('here', (name, value) => checkClock(name, value === undefined ? realClock : (value as Clock))),
}

/** The options of a run with their defaults filled in. */
export type PlaceSettings = ReadOptions<typeof PLACE_OPTIONS>
