import { type StoreOptions, completeStoreOptions } from './options.js'
import { countsOf } from './redis-counts.js'

/** The count of a key, as @nestjs/throttler wants it. */
export interface NestStorageRecord {
  /** Hits of this window; no more are counted while the key is blocked. */
  totalHits: number
  /** Until the window is over, in whole s; while the key is blocked: until that is over. */
  timeToExpire: number
  isBlocked: boolean
  /** Until the key is admitted again, in whole s; 0 when it is not blocked. */
  timeToBlockExpire: number
}

/** The `storage` of @nestjs/throttler 6. */
export interface NestStorage {
  /**
   * @param key - of the caller
   * @param ttl - the window in ms
   * @param limit - hits per window
   * @param blockDuration - how long a key is refused that went beyond, in ms; 0: until its window is over
   * @param throttlerName - keys of two throttlers count apart
   */
  increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<NestStorageRecord>
  /** Ends the store, whose client stays open with `redis`. NestJS calls it as the application is closed. */
  onApplicationShutdown(): void
}

/**
 * The `storage` of @nestjs/throttler 6: guards and decorators stay, and with a name all threads, or all workers of a cluster, count
 * together. With algorithm 'bucket' `blockDuration` does nothing: a key is refused until its next hit has come back.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per request, no timer;
 * with `redis`, which counts for all machines, a round trip.
 *
 * @param options - see {@link StoreOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * import { ThrottlerModule } from '@nestjs/throttler'
 * ThrottlerModule.forRoot({
 *   throttlers: [{ ttl: 60_000, limit: 50 }],
 *   storage: nestStorage({ name: 'api', scope: 'machine' }),
 * })
 */
export function nestStorage(options: StoreOptions = {}): NestStorage {
  const counts = countsOf(completeStoreOptions('nestStorage', options))
  return {
    async increment(key, ttl, limit, blockDuration, throttlerName) {
      const { count, resetMs, refused } = await counts.hitOrBlock(`${throttlerName}\n${key}`, ttl, limit, blockDuration)
      const seconds = Math.ceil(resetMs / 1000)
      return { totalHits: count, timeToExpire: seconds, isBlocked: refused, timeToBlockExpire: refused ? seconds : 0 }
    },
    // The connection is the client's.
    onApplicationShutdown: () => undefined,
  }
}
