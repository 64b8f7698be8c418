import { KEY, PLENTY, SCARCE_SECONDS } from '../support/limits.mjs'

async function limitOf(load, threshold, ttl) {
  const { FastRateLimit } = await load('fast-ratelimit')
  return new FastRateLimit({ threshold, ttl })
}

async function drained(load) {
  const limit = await limitOf(load, 1, SCARCE_SECONDS)
  limit.consumeSync(KEY)
  return limit
}

const sync = (make) => async (load) => {
  const limit = await make(load)
  return () => limit.consumeSync(KEY)
}
const awaited = (make) => async (load) => {
  const limit = await make(load)
  return () => limit.consume(KEY)
}
const plentiful = (load) => limitOf(load, PLENTY, 1)

export const decide = [
  { path: 'allowed', call: 'limit.consumeSync(key)', make: sync(plentiful) },
  { path: 'denied', call: 'limit.consumeSync(key)', make: sync(drained) },
  { path: 'await', call: 'await limit.consume(key)', make: awaited(plentiful) },
  { path: 'await-denied', call: 'await limit.consume(key)', make: awaited(drained) },
]
