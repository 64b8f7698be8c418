import { ownClocks } from '../rate-limit/own-clocks.js'
import type { RedisClient } from './clients.js'
import { Purse, PURSE_BYTES } from './purse.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

const byClient = new WeakMap<object, Map<string, WeakRef<Purse>>>()
const collected = new FinalizationRegistry<() => void>((forget) => forget())

/**
 * Limiters of this thread that have the same client and options share their tokens in hand, so they count as one in the bound. Limiters of two
 * clients do not, because nobody can tell whether both clients lead to the same server.
 */
export function purseOf(client: RedisClient, options: CompleteRedisOptions): Purse {
  const known = byClient.get(client) ?? new Map<string, WeakRef<Purse>>()
  byClient.set(client, known)
  const { name, mode, requestsPerSecond, burstSize, leaseSize } = options
  // With other numbers a limiter might get tokens that its own numbers would refuse.
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
