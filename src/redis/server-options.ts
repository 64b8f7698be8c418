import { namesOf, numberOption, option, type ReadOptions, wordOption } from '../internal/options/options.js'
import { describe } from '../internal/options/validate.js'

/** How long the first connection may take, and the first answer. */
export const CONNECT_MS = 2000

/** How a server is asked: options that limiters and stores have. */
export const SERVER_OPTIONS = {
  timeoutMs: numberOption({ min: 0, exclusiveMin: true }, 50),
  onUnavailable: wordOption(['local', 'closed', 'open'], 'local'),
  processes: numberOption({ min: 1, max: 1e6, integer: true }, 1),
  shareConnection: option('here', checkShared),
}

/** Programs may say what is so in any case. @throws {RangeError} for what is not */
function checkShared(name: string, value: unknown): void {
  if (value !== undefined && value !== true)
    throw new RangeError(`${name} must be true, for the client's own connection is used; received ${describe(value)}`)
}

export type CompleteServerOptions = ReadOptions<typeof SERVER_OPTIONS>

export const SERVER_KEYS = namesOf(SERVER_OPTIONS)
