import { KEY, PLENTY, SCARCE_SECONDS } from '../support/limits.mjs'

export const title = 'rate-limiter-flexible memory'

async function memory(load, points, duration) {
  const { RateLimiterMemory } = await load('rate-limiter-flexible')
  return new RateLimiterMemory({ points, duration })
}

export const decide = [
  {
    path: 'await',
    call: 'await limiter.consume(key)',
    async make(load) {
      const limiter = await memory(load, PLENTY, 1)
      return () => limiter.consume(KEY)
    },
  },
  {
    path: 'await-denied',
    call: 'await limiter.consume(key)',
    async make(load) {
      const limiter = await memory(load, 1, SCARCE_SECONDS)
      await limiter.consume(KEY)
      return () => limiter.consume(KEY)
    },
  },
]

export const keyed = {
  isAsync: true,
  async make(load, { burst }) {
    const limiter = await memory(load, burst, 3600)
    return { call: (key) => limiter.consume(key) }
  },
}
