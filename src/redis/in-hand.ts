import { ownClocks } from '../rate-limit/own-clocks.js'
import type { RedisClient } from './clients.js'
import type { Purse } from './purse.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

type ByOptions = Map<string, WeakRef<Purse>>

/**
 * Where limiters of this thread keep their tokens in hand: those that were made apart, of one client and with the same options, have one
 * place, and count as one in the bound. That two clients lead to one server nobody can tell for sure.
 */
class InHand {
  readonly #byClient = new WeakMap<object, ByOptions>()
  readonly #collected = new FinalizationRegistry<{ readonly known: ByOptions; readonly key: string }>(
    ({ known, key }) => {
      if (known.get(key)?.deref() === undefined) known.delete(key)
    },
  )

  /** The place of limiters with `options`, made by the first of them, and there as long as one of them. */
  findOrMake(client: RedisClient, options: CompleteRedisOptions, make: () => Purse): Purse {
    let known = this.#byClient.get(client)
    if (known === undefined) this.#byClient.set(client, (known = new Map<string, WeakRef<Purse>>()))
    const { name, mode, requestsPerSecond, burstSize, leaseSize } = options
    const clock = ownClocks.inHandle(options.clock)
    // Whoever has other numbers might get tokens from here that its own would refuse.
    const key = JSON.stringify([name, mode, requestsPerSecond, burstSize, leaseSize, clock])
    const found = known.get(key)?.deref()
    if (found !== undefined) return found
    const made = make()
    known.set(key, new WeakRef(made))
    this.#collected.register(made, { known, key })
    return made
  }
}

export const inHand = new InHand()
