import { namesOf, numberOption, option, type ReadOptions, wordOption } from '../internal/options/options.js'
import { describe } from '../internal/options/validate.js'

/** How long the first connection and its first answer may take together. */
export const CONNECT_MS = 2000

/** Options of limiters and stores: how a server is asked. */
export const SERVER_OPTIONS = {
  timeoutMs: numberOption({ min: 0, exclusiveMin: true }, 50),
  onUnavailable: wordOption(['local', 'closed', 'open'], 'local'),
  processes: numberOption({ min: 1, max: 1e6, integer: true }, 1),
  shareConnection: option('here', checkShared),
}

/** The connection is always shared; programs may say so. @throws {RangeError} for anything else */
function checkShared(name: string, value: unknown): void {
  if (value !== undefined && value !== true)
    throw new RangeError(`${name} must be true, for the client's own connection is used; received ${describe(value)}`)
}

export type CompleteServerOptions = ReadOptions<typeof SERVER_OPTIONS>

export const SERVER_KEYS = namesOf(SERVER_OPTIONS)
