export const title = 'lru-cache with a bucket each'

/** The least that a bucket can be. */
class PlainBucket {
  atMs = performance.now()

  constructor(perSecond, burst) {
    this.perSecond = perSecond
    this.burst = burst
    this.tokens = burst
  }

  take() {
    const nowMs = performance.now()
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.atMs) / 1000) * this.perSecond)
    this.atMs = nowMs
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}

export const keyed = {
  async make(load, { capacity, perSecond, burst }) {
    const { LRUCache } = await load('lru-cache')
    const buckets = new LRUCache({ max: capacity })
    const call = (key) => {
      let bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, (bucket = new PlainBucket(perSecond, burst)))
      return bucket.take()
    }
    return { call }
  },
}
