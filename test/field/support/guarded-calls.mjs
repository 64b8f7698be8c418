// What a server does for each request, once through every policy. Each call tells for whom its code ran: it must be the user who asked.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import {
  bulkhead,
  circuitBreaker,
  execute,
  fallback,
  hedge,
  KeyedRateLimiter,
  pipeline,
  RateLimiter,
  rateLimit,
  retry,
  stream,
  timeout,
  withRetry,
} from 'amorsize'
import { scope } from './scope.mjs'

/** Of a request: who asked, and which hooks of shared policies ran for it. */
const requests = new AsyncLocalStorage()

/** Runs `handler` as the request of `user`. */
export const asRequestOf = (user, handler) => requests.run({ user, hooks: [] }, handler)

const userNow = () => requests.getStore()?.user ?? 'nobody'
const hook = (name, result) => () => {
  requests.getStore()?.hooks.push(name)
  return result
}

/** A function whose first attempt hangs until it is given up; `seen` gets the user of each attempt and of the listeners of its signal. */
const hangsAtFirst = (seen) => {
  let attempts = 0
  return ({ signal }) => {
    seen.push(userNow())
    if (++attempts > 1) return 'done'
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        seen.push(userNow())
        reject(signal.reason)
      }),
    )
  }
}

/** The same, but it hangs for ever: nothing but the policy can go on. */
const hangsForEver = (seen) => {
  const fn = hangsAtFirst(seen)
  return (context) => Promise.race([fn(context)]).catch(() => new Promise(() => {}))
}

const failsAtFirst = (seen) => {
  let attempts = 0
  return async () => {
    seen.push(userNow())
    await delay(1)
    seen.push(userNow())
    if (++attempts === 1) throw new Error('once')
  }
}

const works = (seen) => async () => {
  seen.push(userNow())
  await delay(2)
  seen.push(userNow())
}

const patient = { maxRetries: 1, initialDelayMs: 1, jitter: 'none' }
const retried = pipeline(retry({ ...patient, retryIf: hook('retryIf', true), onRetry: hook('onRetry') }), timeout(20))
const heardRetry = retry(patient)
heardRetry.on('retry', hook('heard'))
const resultRetried = retry({ ...patient, retryIfResult: (result) => hook('retryIfResult')() ?? result === 'again' })
const total = pipeline(timeout(10_000), retry(patient), timeout(20))
const hedged = hedge({ afterMs: 5 })
const degrading = pipeline(
  fallback(() => userNow(), { if: hook('if', true), onDegraded: hook('onDegraded') }),
  timeout(10),
)
const cooperative = timeout(10, { strategy: 'cooperative' })
const narrow = bulkhead({ maxConcurrent: 2 })
const narrowForMachine = bulkhead({ maxConcurrent: 2, name: `amorsize-field-${process.pid}`, scope })
const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1, onWait: hook('onWait') })
const limiterForMachine = new RateLimiter({
  requestsPerSecond: 1000,
  burstSize: 1,
  name: `amorsize-field-${process.pid}`,
  scope,
})
const keyed = new KeyedRateLimiter({ requestsPerSecond: 1000, burstSize: 1, capacity: 16 })
const several = RateLimiter.all({
  rpm: new RateLimiter({ requestsPerSecond: 1000, burstSize: 1 }),
  tpm: new RateLimiter({ requestsPerSecond: 1e6, burstSize: 1000 }),
})
const breaker = circuitBreaker({
  failureThreshold: 1e6,
  isFailure: hook('isFailure', true),
  isFailureResult: hook('isFailureResult', false),
})
const canonical = pipeline(
  fallback(() => 'substitute'),
  timeout(10_000),
  retry(patient),
  hedge({ afterMs: 10, maxAttempts: 2 }),
  circuitBreaker({ failureThreshold: 1e6 }),
  rateLimit({ requestsPerSecond: 5000, burstSize: 1 }),
  bulkhead({ maxConcurrent: 8 }),
  timeout(40),
)

/** By name: runs one call and returns the users seen by its own code. */
const calls = {
  'retry around a timeout': (seen) => retried.execute(hangsAtFirst(seen)),
  'retry, heard': (seen) => heardRetry.execute(failsAtFirst(seen)),
  'retry by result': async (seen) => {
    let attempts = 0
    await resultRetried.execute(() => (seen.push(userNow()), ++attempts === 1 ? 'again' : 'done'))
  },
  'total timeout, retry, timeout': (seen) => total.execute(hangsForEver(seen)),
  hedge: (seen) => hedged.execute(hangsForEver(seen)),
  'fallback around a timeout': async (seen) => seen.push(await degrading.execute(hangsAtFirst(seen))),
  'cooperative timeout': async (seen) => {
    await cooperative.execute(hangsAtFirst(seen)).catch(() => seen.push(userNow()))
  },
  'bulkhead with waiters': (seen) => narrow.execute(works(seen)),
  'bulkhead of the machine with waiters': (seen) => narrowForMachine.execute(works(seen)),
  'limiter with waiters': (seen) => limiter.execute(works(seen)),
  'acquire with waiters': async (seen) => {
    await limiterForMachine.acquire()
    seen.push(userNow())
  },
  'then of acquire': (seen) => limiterForMachine.acquire().then(() => seen.push(userNow())),
  'keyed limiter with waiters': async (seen) => {
    await keyed.acquire('all')
    seen.push(userNow())
  },
  'several limits with waiters': async (seen) => {
    const permit = await several.acquire({ rpm: 1, tpm: 1 })
    permit.settle({ rpm: 1, tpm: 1 })
    seen.push(userNow())
  },
  breaker: async (seen) => {
    await breaker.execute(works(seen))
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => seen.push(userNow()))
  },
  'canonical pipeline': (seen) => canonical.execute(hangsAtFirst(seen)),
  'wrapped function': (seen) => withRetry({ maxRetries: 1, initialDelayMs: 1 })(failsAtFirst(seen))(),
  'retry that is aborted': async (seen) => {
    const controller = new AbortController()
    const call = retried.execute(hangsAtFirst(seen), { signal: controller.signal })
    controller.abort()
    await call.catch(() => seen.push(userNow()))
  },
  execute: (seen) =>
    execute(works(seen), Array.from({ length: 20 }), {
      mode: 'async',
      onProgress: () => seen.push(userNow()),
      hooks: { onEnd: () => seen.push(userNow()), onChunk: () => seen.push(userNow()) },
    }),
  stream: async (seen) => {
    const source = function* () {
      for (let n = 0; n < 20; n++) {
        seen.push(userNow())
        yield n
      }
    }
    const results = stream(works(seen), source())
    while (!(await results.next()).done) seen.push(userNow())
  },
}

/** The hooks of shared policies that must have run, each so often, for the request that made the call. */
const hooksOf = {
  'retry around a timeout': ['retryIf', 'onRetry'],
  'retry, heard': ['heard'],
  'retry by result': ['retryIfResult', 'retryIfResult'],
  'fallback around a timeout': ['if', 'onDegraded'],
  breaker: ['isFailureResult', 'isFailure'],
}

/** Names of the calls. */
export const callNames = Object.keys(calls)

/** Makes the call `name` for the request that runs; what a server answers. */
export async function answer(name) {
  const seen = []
  await calls[name](seen)
  const { user, hooks } = requests.getStore() ?? { user: 'nobody', hooks: [] }
  return { user, seen, hooks: hooks.filter((hook) => hook !== 'onWait') }
}

/**
 * What is wrong with the answer to a request of `user`.
 *
 * @returns {string | null} null if it was answered for that user alone
 */
export function faultOf(user, name, { user: after, seen, hooks }) {
  if (after !== user) return `${user} was answered as ${after}`
  const other = seen.find((each) => each !== user)
  if (other !== undefined) return `code of ${user} ran as ${other}`
  if (seen.length === 0) return `no code of ${user} ran`
  const wanted = hooksOf[name] ?? []
  return hooks.join() === wanted.join() ? null : `hooks of ${user}: ${hooks.join()}; wanted ${wanted.join()}`
}
