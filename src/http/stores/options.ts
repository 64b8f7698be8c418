import {
  clockOption,
  namesOf,
  numberOption,
  type ReadOptions,
  readValues,
  wordOption,
} from '../../internal/options/options.js'
import { checkKeys } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import { MAX_CAPACITY } from '../../memory/keyed/table.js'
import type { NameScope } from '../../memory/shared/names.js'
import type { RedisClient } from '../../redis/clients.js'
import { type CompleteServerOptions, SERVER_KEYS, SERVER_OPTIONS } from '../../redis/server-options.js'
import { checkEncodedName } from '../encoded-name.js'

/** Options of the stores for other limiters: {@link expressStore}, {@link fastifyStore} and {@link nestStorage}. */
export interface StoreOptions {
  /**
   * Same name, same counts: in every thread of the process, or with `scope: 'machine'` in every process of this user, such as the workers
   * of a cluster, or with `redis` on every machine. Up to 200 characters of any kind. Without one, the counts are this store's alone.
   */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** How many keys are counted at the same time. An integer from 1 to 1e8, at 24 bytes per key, taken at once; default 100,000. */
  capacity?: number | undefined
  /** A new key that finds no room: 'evict' (default) forgets another, those over their limit last; 'deny' refuses the new one. */
  onFull?: 'evict' | 'deny' | undefined
  /**
   * 'window' (default) counts as the limiter's own store does: a window starts at a key's first hit. 'bucket' gives back `limit` hits per
   * window evenly, so that no edge of a window lets twice the limit through. It counts nothing beyond the limit (which bans need), and
   * takes 24 bytes × `capacity` for each pair of limit and window.
   */
  algorithm?: 'window' | 'bucket' | undefined
  /**
   * A client of Redis or Valkey (of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with `send(command, key)`):
   * the same `name` on the same server has the same counts on all machines, whatever `scope` is. Each hit is one round trip.
   */
  redis?: RedisClient | undefined
  /** With `redis`: how long the server may take to answer, in ms, > 0; default 50. The first answer may take two seconds. */
  timeoutMs?: number | undefined
  /**
   * With `redis`: what holds while the server does not answer. 'local' (default): all processes of this machine count together, against
   * their part of the limit; 'closed': the store fails with the client's error, and the limiter does what it does then; 'open': all pass.
   */
  onUnavailable?: 'local' | 'closed' | 'open' | undefined
  /** With `redis`: machines among which the limit is divided while the server is away. An integer >= 1; default 1. */
  processes?: number | undefined
  /** With `redis`: true, if given: the client's own connection is used in any case. */
  shareConnection?: boolean | undefined
  /** For tests; the default is the monotonic clock. The server counts by its own. */
  clock?: Clock | undefined
}

const OPTIONS = {
  capacity: numberOption({ min: 1, max: MAX_CAPACITY, integer: true }, 100_000),
  onFull: wordOption(['evict', 'deny'], 'evict'),
  algorithm: wordOption(['window', 'bucket'], 'window'),
  clock: clockOption,
}

/** {@link StoreOptions} with every default filled in. */
export interface CompleteStoreOptions extends ReadOptions<typeof OPTIONS> {
  readonly name: string | null
  readonly scope: NameScope
  /** Null: the counts are in shared memory. */
  readonly remote: CompleteRemoteOptions | null
}

/** Of a store whose counts are on a server. */
export interface CompleteRemoteOptions extends CompleteServerOptions {
  readonly redis: RedisClient
  /** As it was given, not encoded. */
  readonly name: string
}

/** Checks the options of `what` and fills in the defaults. */
export function completeStoreOptions(what: string, options: StoreOptions): CompleteStoreOptions {
  checkKeys(what, options, ['name', 'scope', ...namesOf(OPTIONS), 'redis', ...SERVER_KEYS])
  return {
    ...checkEncodedName(options.name, options.scope),
    ...readValues(options, OPTIONS),
    remote: checkRemote(options),
  }
}

function checkRemote(options: StoreOptions): CompleteRemoteOptions | null {
  const { redis, name } = options
  if (redis === undefined) {
    for (const option of SERVER_KEYS)
      if (options[option] !== undefined) throw new TypeError(`${option} needs redis, a client; received undefined`)
    return null
  }
  if (name === undefined)
    throw new TypeError('redis needs a name, by which machines share the counts; received undefined')
  return { redis, name, ...readValues(options, SERVER_OPTIONS) }
}
