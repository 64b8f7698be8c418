// What must settle although the timers were fake when it began: each was started while a test framework held the clock.
import { bulkhead, hedge, pipeline, RateLimiter, rateLimit, retry, timeout } from 'amorsize'
import { scope } from './scope.mjs'

/** Taken as the file loads: a framework's fake timers do not stop it. */
const realSetTimeout = setTimeout

/** Whether `promise` settles, however slow the machine. */
export const settles = (promise) =>
  Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    new Promise((resolve) => realSetTimeout(resolve, 5000, false)),
  ])

const hang = () => new Promise(() => {})
const patient = { maxRetries: 1, initialDelayMs: 20, jitter: 'none' }
const failsOnce = () => {
  let calls = 0
  return async () => {
    if (++calls === 1) throw new Error('once')
  }
}

/** By name: begins something that waits, and returns its promise. */
export const waits = {
  timeout: () => timeout(20).execute(hang),
  'timeout of a wrapped function': () => timeout(20).wrap(hang)(),
  'cooperative timeout': () =>
    timeout(20, { strategy: 'cooperative' }).execute(
      ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    ),
  retry: () => retry(patient).execute(failsOnce()),
  hedge: () => {
    let attempts = 0
    return hedge({ afterMs: 20 }).execute(() => (++attempts === 1 ? hang() : 'done'))
  },
  acquire: () => {
    const limiter = new RateLimiter({ requestsPerSecond: 50, burstSize: 1 })
    limiter.tryAcquire()
    return limiter.acquire()
  },
  'acquire of a limiter of the machine': () => {
    const limiter = new RateLimiter({
      requestsPerSecond: 50,
      burstSize: 1,
      name: `amorsize-field-timers-${process.pid}`,
      scope,
    })
    limiter.tryAcquire()
    return limiter.acquire()
  },
  'rateLimit in a pipeline': () => {
    const policy = pipeline(timeout(10_000), rateLimit({ requestsPerSecond: 50, burstSize: 1 }))
    return Promise.all([policy.execute(() => 1), policy.execute(() => 2)])
  },
  'a place in a bulkhead': () => {
    const policy = bulkhead({ maxConcurrent: 1, maxWaitMs: 20 })
    const held = policy.execute(hang)
    void held
    return policy.execute(() => 1)
  },
  'a place that is given up': () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    const held = pipeline(policy, timeout(20)).execute(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    held.catch(() => {})
    return policy.execute(() => 1)
  },
}

/** Whether each of these settles when it is begun now. */
export async function unsettled() {
  const names = Object.keys(waits)
  const settled = await Promise.all(names.map((name) => settles(waits[name]())))
  return names.filter((_, n) => !settled[n])
}

/** Lets what is due now happen, in real time. */
export const moment = () => new Promise((resolve) => realSetTimeout(resolve, 5))
