import { checkBoolean, checkNumber, checkOneOf } from '../internal/options/validate.js'

/** How a server is asked, with every default filled in. */
export interface CompleteServerOptions {
  readonly timeoutMs: number
  readonly onUnavailable: 'local' | 'closed' | 'open'
  readonly processes: number
  readonly shareConnection: boolean
}

export const SERVER_KEYS = ['timeoutMs', 'onUnavailable', 'processes', 'shareConnection'] as const

/** Checks options of a limiter or a store, and fills in the defaults. @throws {TypeError | RangeError} for what is none, or out of range */
export function completeServerOptions({
  timeoutMs = 50,
  onUnavailable = 'local',
  processes = 1,
  shareConnection = false,
}: { readonly [K in keyof CompleteServerOptions]?: CompleteServerOptions[K] | undefined }): CompleteServerOptions {
  return {
    timeoutMs: checkNumber('timeoutMs', timeoutMs, { min: 0, exclusiveMin: true }),
    onUnavailable: checkOneOf('onUnavailable', onUnavailable, ['local', 'closed', 'open']),
    processes: checkNumber('processes', processes, { min: 1, max: 1e6, integer: true }),
    shareConnection: checkBoolean('shareConnection', shareConnection),
  }
}
