import { createHash } from 'node:crypto'
import { SharedMemoryError } from '../errors.js'
import { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import type { LimitHost } from './limit-host.js'
import type { Alone } from './limit.js'

/** With what stands before it, no name of the machine is longer than 200. */
const LONGEST_NAME = 190

/** What holds on this machine while the server is away: its part of rate and burst. Every process of the machine that uses the name shares it. */
export class FallbackLimiter implements Alone, Disposable {
  readonly #limiter: RateLimiter
  /** Of the rate that it was made by. */
  readonly changes: number

  constructor(host: LimitHost) {
    this.changes = host.rate.changes
    this.#limiter = onThisMachine(host, (options) => new RateLimiter(options))
  }

  take(tokens: number, isLook = false): ReturnType<Alone['take']> {
    const limiter = this.#limiter
    const { burstSize } = limiter.policy
    const isThere = isLook ? limiter.getAvailableTokens() >= tokens : tokens <= burstSize && limiter.tryAcquire(tokens)
    const waitMs = isThere ? 0 : Math.max(1, limiter.retryAfterMs(Math.min(tokens, burstSize)))
    return { allowed: isThere, remaining: Math.floor(limiter.getAvailableTokens()), waitMs }
  }

  refund(tokens: number): void {
    this.#limiter.refund(tokens)
  }

  reset(): void {
    this.#limiter.reset()
  }

  pauseFor(ms: number): void {
    this.#limiter.pauseFor(ms)
  }

  [Symbol.dispose](): void {
    this.#limiter[Symbol.dispose]()
  }
}

/** The same by key. */
export class KeyedFallbackLimiter implements Disposable {
  readonly #limiter: KeyedRateLimiter
  /** Of the rate that it was made by. */
  readonly changes: number

  /** @param capacity - keys that are counted at once */
  constructor(host: LimitHost, capacity: number) {
    this.changes = host.rate.changes
    this.#limiter = onThisMachine(host, (options) => new KeyedRateLimiter({ ...options, capacity }))
  }

  of(key: string): Alone {
    const limiter = this.#limiter
    return {
      take: (tokens, isLook) => {
        const { burstSize } = limiter.policy
        const isThere = isLook
          ? limiter.getAvailableTokens(key) >= tokens
          : tokens <= burstSize && limiter.tryAcquire(key, tokens)
        const waitMs = isThere ? 0 : Math.max(1, limiter.retryAfterMs(key, Math.min(tokens, burstSize)))
        return { allowed: isThere, remaining: Math.floor(limiter.getAvailableTokens(key)), waitMs }
      },
      refund: (tokens) => limiter.refund(key, tokens),
      reset: () => limiter.reset(key),
    }
  }

  pauseFor(key: string, ms: number): void {
    this.#limiter.pauseFor(key, ms)
  }

  [Symbol.dispose](): void {
    this.#limiter[Symbol.dispose]()
  }
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
