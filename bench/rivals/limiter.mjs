import { PLENTY, SCARCE_SECONDS } from '../support/limits.mjs'

export const title = 'limiter TokenBucket'

/** A bucket starts empty. */
async function bucket(load, size, perInterval, interval, content = 0) {
  const { TokenBucket } = await load('limiter')
  return Object.assign(new TokenBucket({ bucketSize: size, tokensPerInterval: perInterval, interval }), { content })
}

export const decide = [
  {
    path: 'allowed',
    call: 'bucket.tryRemoveTokens(1)',
    async make(load) {
      const full = await bucket(load, PLENTY, PLENTY, 1000, PLENTY)
      return () => full.tryRemoveTokens(1)
    },
  },
  {
    path: 'denied',
    call: 'bucket.tryRemoveTokens(1)',
    async make(load) {
      const empty = await bucket(load, 1, 1, SCARCE_SECONDS * 1000)
      return () => empty.tryRemoveTokens(1)
    },
  },
  {
    path: 'await',
    call: 'await bucket.removeTokens(1)',
    async make(load) {
      const full = await bucket(load, PLENTY, PLENTY, 1000, PLENTY)
      return () => full.removeTokens(1)
    },
  },
]

export async function wait(load, rate, burst) {
  const shared = await bucket(load, burst, rate, 1000)
  return (released) => void shared.removeTokens(1).then(released)
}

/** A waiter cannot be taken back. */
export async function acquire(load, rate, burst) {
  const shared = await bucket(load, burst, rate, 1000)
  return (tokens) => shared.removeTokens(tokens)
}

export const keyed = {
  title: 'limiter TokenBucket in a Map',
  async make(load, { burst }) {
    const { TokenBucket } = await load('limiter')
    const buckets = new Map()
    const call = (key) => {
      let found = buckets.get(key)
      if (found === undefined) {
        found = new TokenBucket({ bucketSize: burst, tokensPerInterval: 1, interval: 1e6 })
        found.content = burst
        buckets.set(key, found)
      }
      return found.tryRemoveTokens(1)
    }
    return { call }
  },
}
