import { createHash } from 'node:crypto'
import { SharedMemoryError } from '../errors.js'
import { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import type { LimitHost } from './limit-host.js'
import type { Alone } from './limit.js'

/** With what stands before it, no name of the machine is longer than 200. */
const LONGEST_NAME = 190

/** A `RateLimiter`, or a `KeyedRateLimiter`, whose methods take a key first. */
interface Limiter<Key extends [] | [string]> extends Disposable {
  readonly policy: { readonly burstSize: number }
  tryAcquire(...keyAndTokens: [...Key, number]): boolean
  getAvailableTokens(...key: Key): number
  retryAfterMs(...keyAndTokens: [...Key, number]): number
  refund(...keyAndTokens: [...Key, number]): void
  pauseFor(...keyAndMs: [...Key, number]): void
  reset(...key: Key): void
}

/** Decides on this machine while the server is away, by its part of rate and burst. Every process of the machine that uses the name shares it. */
export class Fallback<Key extends [] | [string]> implements Disposable {
  readonly #limiter: Limiter<Key>

  constructor(limiter: Limiter<Key>) {
    this.#limiter = limiter
  }

  of(...key: Key): Alone {
    const limiter = this.#limiter
    return {
      take: (tokens, isLook = false) => {
        const { burstSize } = limiter.policy
        const isThere = isLook
          ? limiter.getAvailableTokens(...key) >= tokens
          : tokens <= burstSize && limiter.tryAcquire(...key, tokens)
        const waitMs = isThere ? 0 : Math.max(1, limiter.retryAfterMs(...key, Math.min(tokens, burstSize)))
        return { allowed: isThere, remaining: Math.floor(limiter.getAvailableTokens(...key)), waitMs }
      },
      refund: (tokens) => limiter.refund(...key, tokens),
      pauseFor: (ms) => limiter.pauseFor(...key, ms),
      reset: () => limiter.reset(...key),
    }
  }

  [Symbol.dispose](): void {
    this.#limiter[Symbol.dispose]()
  }
}

export function fallbackOf(host: LimitHost): Fallback<[]> {
  return new Fallback(onThisMachine(host, (options) => new RateLimiter(options)))
}

/** The same by key. @param capacity - keys that are counted at once */
export function keyedFallbackOf(host: LimitHost, capacity: number): Fallback<[string]> {
  return new Fallback(onThisMachine(host, (options) => new KeyedRateLimiter({ ...options, capacity })))
}

/** Makes a limiter of this machine's part. */
function onThisMachine<L>(
  { options: { name, processes, clock }, rate }: LimitHost,
  make: (options: {
    requestsPerSecond: number
    burstSize: number
    clock: typeof clock
    name?: string
    scope?: 'machine'
  }) => L,
): L {
  const part = {
    requestsPerSecond: rate.requestsPerSecond / processes,
    burstSize: Math.max(1, rate.burstSize / processes),
    clock,
  }
  try {
    return make({ ...part, name: machineName(name), scope: 'machine' })
  } catch (error) {
    if (!SharedMemoryError.is(error)) throw error
    // Without the addon, or with another rate under the name: this process limits itself.
    return make(part)
  }
}

/** Any name as one of this machine, which holds no '/' and is not long. Two names stay two. */
function machineName(name: string): string {
  const written = name.replaceAll(/[%/\0]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  return `redis:${written.length <= LONGEST_NAME ? written : createHash('sha256').update(name).digest('base64url')}`
}
