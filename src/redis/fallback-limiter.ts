import { SharedMemoryError } from '../errors.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

/** The limit of this machine while the server is away: its part of rate and burst. Every process of the machine that uses the name shares it. */
export function fallbackLimiter({
  name,
  requestsPerSecond,
  burstSize,
  processes,
  clock,
}: Pick<CompleteRedisOptions, 'name' | 'requestsPerSecond' | 'burstSize' | 'processes' | 'clock'>): RateLimiter {
  const part = {
    requestsPerSecond: requestsPerSecond / processes,
    burstSize: Math.max(1, burstSize / processes),
    clock,
  }
  try {
    return new RateLimiter({ ...part, name: `redis:${name.replaceAll(/[/\0]/g, '_')}`.slice(0, 200), scope: 'machine' })
  } catch (error) {
    if (!SharedMemoryError.is(error)) throw error
    // Without the addon, or with another rate under the name: this process limits itself.
    return new RateLimiter(part)
  }
}
