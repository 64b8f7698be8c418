// What is measured: the same composition in each library, around the same function. Nothing waits, fails or is refused.
import * as ours from '../../dist/index.js'

const RETRIES = 3
const TIMEOUT_MS = 1000
const CONCURRENT = 10
const FAILURES = 5

/** The function that is guarded: it has its answer at once. */
const answer = async () => 1
/** Reads its signal, as a function that can be cancelled does. */
const answerWithSignal = async ({ signal }) => (signal.aborted ? 0 : 1)

/** Every library: what it makes of a list of policies, as a function without arguments that makes one call. */
const libraries = {
  amorsize(parts, use) {
    const { bulkhead, circuitBreaker, fallback, pipeline, retry, timeout } = ours
    const makers = {
      fallback: () => fallback(0),
      retry: () => retry({ maxRetries: RETRIES }),
      breaker: () => circuitBreaker({ failureThreshold: FAILURES }),
      bulkhead: () => bulkhead({ maxConcurrent: CONCURRENT }),
      timeout: () => timeout(TIMEOUT_MS),
    }
    const policy = pipeline(...parts.map((part) => makers[part]()))
    if (use === 'read') return () => policy.execute(answerWithSignal)
    if (use === 'passed') {
      const { signal } = new AbortController()
      return () => policy.execute(answer, { signal })
    }
    const guarded = policy.wrap(answer)
    return () => guarded()
  },

  async cockatiel(parts, use) {
    const c = await import('cockatiel')
    const makers = {
      fallback: () => c.fallback(c.handleAll, 0),
      retry: () => c.retry(c.handleAll, { maxAttempts: RETRIES, backoff: new c.ExponentialBackoff() }),
      breaker: () =>
        c.circuitBreaker(c.handleAll, { halfOpenAfter: 60_000, breaker: new c.ConsecutiveBreaker(FAILURES) }),
      bulkhead: () => c.bulkhead(CONCURRENT),
      timeout: () => c.timeout(TIMEOUT_MS, c.TimeoutStrategy.Aggressive),
    }
    const policy = c.wrap(...parts.map((part) => makers[part]()))
    const fn = use === 'read' ? answerWithSignal : answer
    if (use !== 'passed') return () => policy.execute(fn)
    const { signal } = new AbortController()
    return () => policy.execute(fn, signal)
  },

  // One object with breaker, capacity and time-out; it has no retry, and no signal of the caller.
  async opossum(parts) {
    const { default: CircuitBreaker } = await import('opossum')
    const breaker = new CircuitBreaker(answer, {
      timeout: parts.includes('timeout') ? TIMEOUT_MS : false,
      capacity: parts.includes('bulkhead') ? CONCURRENT : Number.MAX_SAFE_INTEGER,
      volumeThreshold: FAILURES,
    })
    return () => breaker.fire()
  },

  async mollitia(parts) {
    const m = await import('mollitia')
    const makers = {
      fallback: () => new m.Fallback({ callback: () => 0 }),
      retry: () => new m.Retry({ attempts: RETRIES }),
      breaker: () => new m.SlidingCountBreaker({ slidingWindowSize: 10, minimumNumberOfCalls: FAILURES }),
      bulkhead: () => new m.Bulkhead({ concurrentSize: CONCURRENT, queueSize: 0 }),
      timeout: () => new m.Timeout({ delay: TIMEOUT_MS }),
    }
    const circuit = new m.Circuit({
      name: 'bench',
      func: answer,
      options: { modules: parts.map((part) => makers[part]()) },
    })
    return () => circuit.execute()
  },

  async 'p-retry'() {
    const { default: pRetry } = await import('p-retry')
    return () => pRetry(answer, { retries: RETRIES })
  },

  async 'no policy'() {
    return () => answer()
  },
}

const all = ['retry', 'breaker', 'bulkhead', 'timeout']

/**
 * @typedef {object} Subject
 * @property {string} id
 * @property {string} path - which composition
 * @property {string} library
 * @property {string[]} parts - outermost first
 * @property {'none' | 'read' | 'passed'} signal - read by the function, or passed by the caller
 */

/** @type {Subject[]} */
export const subjects = [
  ...path('retry + breaker + bulkhead + timeout', all, ['no policy', 'amorsize', 'cockatiel', 'mollitia']),
  ...path('breaker + bulkhead + timeout', all.slice(1), ['amorsize', 'cockatiel', 'opossum', 'mollitia']),
  ...path('all four, the function reads its signal', all, ['amorsize', 'cockatiel'], 'read'),
  ...path('all four, the caller passes a signal', all, ['amorsize', 'cockatiel'], 'passed'),
  ...path('retry', ['retry'], ['amorsize', 'cockatiel', 'mollitia', 'p-retry']),
  ...path('breaker', ['breaker'], ['amorsize', 'cockatiel', 'opossum', 'mollitia']),
  ...path('bulkhead', ['bulkhead'], ['amorsize', 'cockatiel', 'mollitia']),
  ...path('timeout', ['timeout'], ['amorsize', 'cockatiel', 'mollitia']),
  ...path('fallback', ['fallback'], ['amorsize', 'cockatiel', 'mollitia']),
]

/** Compositions that this build cannot make are left out. */
function path(name, parts, names, signal = 'none') {
  const isBuilt = parts.every((part) => part in ours || (part === 'breaker' && 'circuitBreaker' in ours))
  return (isBuilt ? names : []).map((library) => ({ id: `${name}: ${library}`, path: name, library, parts, signal }))
}

/** Returns the function that makes one call of the subject. */
export function prepare({ library, parts, signal }) {
  return libraries[library](parts, signal)
}
