import { ownClocks } from '../rate-limit/own-clocks.js'
import type { RedisClient } from './clients.js'
import { Purse, PURSE_BYTES } from './purse.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

const byClient = new WeakMap<object, Map<string, WeakRef<Purse>>>()
const collected = new FinalizationRegistry<() => void>((forget) => forget())

/**
 * The tokens in hand of limiters of this thread that were made apart, of one client and with the same options: they count as one in the bound.
 * Limiters of two clients never do, as nobody can tell whether both lead to one server.
 */
export function purseOf(client: RedisClient, options: CompleteRedisOptions): Purse {
  const known = byClient.get(client) ?? new Map<string, WeakRef<Purse>>()
  byClient.set(client, known)
  const { name, mode, requestsPerSecond, burstSize, leaseSize } = options
  // A limiter with other numbers might get tokens from here that its own would refuse.
  const key = JSON.stringify([name, mode, requestsPerSecond, burstSize, leaseSize, ownClocks.inHandle(options.clock)])
  const found = known.get(key)?.deref()
  if (found !== undefined) return found
  const made = Purse.create(new SharedArrayBuffer(PURSE_BYTES), options.clock)
  known.set(key, new WeakRef(made))
  collected.register(made, () => {
    if (known.get(key)?.deref() === undefined) known.delete(key)
  })
  return made
}
