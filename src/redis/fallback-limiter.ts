import { createHash } from 'node:crypto'
import { SharedMemoryError } from '../errors.js'
import { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import type { RateInUse } from './rate-in-use.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

/** With its prefix, no name on this machine is longer than 200. */
const LONGEST_NAME = 190

/** The first argument of the methods of a `KeyedRateLimiter`; a `RateLimiter` has no such argument. */
export type KeyArgument = readonly [] | readonly [key: string]

/** A `RateLimiter` or a `KeyedRateLimiter`. */
interface LocalLimiter extends Disposable {
  readonly policy: { readonly burstSize: number }
  tryAcquire(...keyAndTokens: [...KeyArgument, number]): boolean
  getAvailableTokens(...key: KeyArgument): number
  retryAfterMs(...keyAndTokens: [...KeyArgument, number]): number
  refund(...keyAndTokens: [...KeyArgument, number]): void
  pauseFor(...keyAndMs: [...KeyArgument, number]): void
  reset(...key: KeyArgument): void
}

/** Decides on this machine while the server is away, with a share of the rate and burst. All processes of the machine that use the name share it. */
export class Fallback {
  readonly limiter: LocalLimiter

  /** @param options - with a `capacity`, the limit is by key */
  constructor({ name, processes, clock, capacity }: CompleteRedisOptions, rate: RateInUse) {
    const share = {
      requestsPerSecond: rate.requestsPerSecond / processes,
      burstSize: Math.max(1, rate.burstSize / processes),
      clock,
    }
    const make = (place: { readonly name?: string; readonly scope?: 'machine' }): LocalLimiter =>
      (capacity === undefined
        ? new RateLimiter({ ...share, ...place })
        : new KeyedRateLimiter({ ...share, ...place, capacity })) as unknown as LocalLimiter
    try {
      this.limiter = make({ name: machineName(name), scope: 'machine' })
    } catch (error) {
      if (!SharedMemoryError.is(error)) throw error
      // Without the addon, or if the name has another rate on this machine, this process has a limit of its own.
      this.limiter = make({})
    }
  }

  /** Takes tokens if they are available. @param isLook - only looks whether they are */
  take(
    key: KeyArgument,
    tokens: number,
    isLook = false,
  ): { readonly allowed: boolean; readonly remaining: number; readonly waitMs: number } {
    const { limiter } = this
    const { burstSize } = limiter.policy
    const allowed = isLook
      ? limiter.getAvailableTokens(...key) >= tokens
      : tokens <= burstSize && limiter.tryAcquire(...key, tokens)
    const waitMs = allowed ? 0 : Math.max(1, limiter.retryAfterMs(...key, Math.min(tokens, burstSize)))
    return { allowed, remaining: Math.floor(limiter.getAvailableTokens(...key)), waitMs }
  }
}

/** Turns any name into one of this machine: without '/' and short. Different names stay different. */
function machineName(name: string): string {
  const written = name.replaceAll(/[%/\0]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  return `redis:${written.length <= LONGEST_NAME ? written : createHash('sha256').update(name).digest('base64url')}`
}
