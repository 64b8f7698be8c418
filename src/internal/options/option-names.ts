/** Hint for a rate among the options of a server: where it belongs. */
const OF_SERVER = { limits: ', which holds each limit by a name' }
/** The same among the options of a client. */
const OF_CLIENT = { limit: ', which takes it', rpm: ', which is per minute', ...OF_SERVER }
/** The names of a rate in this package. Other libraries give it as a number of calls and a time. */
const RATE = { requestsPerSecond: ', which is how many per second', rpm: '', ...OF_SERVER }
const WINDOW = { windowMs: '', ...RATE }
const LIMIT = { max: '', ...RATE }
const DELAY = { initialDelayMs: '' }
const RETRY = { retry: ', which takes it as maxRetries', policies: ', as in policies: [retry({ maxRetries: 3 })]' }
const POLICY = { policies: ', as in policies: [rateLimit({ requestsPerSecond: 10 })]' }
const ATTEMPTS = { maxRetries: ', which does not count the first call', ...RETRY }
const AT_ONCE = { concurrency: '', maxConcurrent: '', bulkhead: ', which takes it as maxConcurrent' }
const COUNTED = { countIf: ', which tells what counts' }

/** Option names of other libraries, with their names here. Of several, the first one that the caller accepts is suggested. */
const ELSEWHERE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Retries: p-retry, async-retry, cockatiel, axios-retry.
  retries: { maxRetries: '', ...RETRY },
  maxRetries: RETRY,
  attempts: ATTEMPTS,
  maxAttempts: ATTEMPTS,
  numOfAttempts: ATTEMPTS,
  factor: { exponentialBase: '' },
  multiplier: { exponentialBase: '' },
  exponent: { exponentialBase: '' },
  minTimeout: DELAY,
  startingDelay: DELAY,
  retryDelay: DELAY,
  initialDelay: DELAY,
  maxTimeout: { maxDelayMs: '' },
  maxDelay: { maxDelayMs: '' },
  maxRetryTime: { maxElapsedMs: '' },
  randomize: { jitter: '' },
  shouldRetry: { retryIf: '' },
  // Rates: limiter, bottleneck, p-queue, p-throttle, rate-limiter-flexible, express-rate-limit.
  limit: { ...OF_SERVER, maxConcurrent: '', concurrency: '', ...LIMIT },
  maxRequests: LIMIT,
  points: LIMIT,
  tokensPerInterval: RATE,
  tokensPerSecond: RATE,
  intervalCap: RATE,
  refillRate: RATE,
  rate: RATE,
  rps: RATE,
  requestsPerInterval: RATE,
  minTime: RATE,
  requestsPerSecond: { ...OF_CLIENT, ...POLICY },
  limiter: POLICY,
  rateLimit: POLICY,
  requestsPerMinute: RATE,
  tokensPerMinute: { tpm: '', ...RATE },
  max: RATE,
  interval: WINDOW,
  duration: WINDOW,
  timeWindow: WINDOW,
  ttl: WINDOW,
  windowMs: RATE,
  bucketSize: { burstSize: '' },
  maxBurst: { burstSize: '' },
  burst: { burstSize: '' },
  burstSize: { ...OF_SERVER, limit: ', which takes it' },
  reservoir: { burstSize: '' },
  capacity: { burstSize: '' },
  maxKeys: { capacity: '' },
  // Servers: express-rate-limit, @fastify/rate-limit, @nestjs/throttler.
  keyGenerator: { key: '' },
  handler: { refuse: '' },
  message: { refuse: '' },
  errorResponseBuilder: { refuse: '' },
  standardHeaders: { headers: '' },
  legacyHeaders: { headers: '' },
  allowList: { allow: '' },
  skipSuccessfulRequests: COUNTED,
  skipFailedRequests: COUNTED,
  // Bulkheads, queues and pools: p-limit, p-queue, bottleneck, cockatiel, piscina, workerpool.
  concurrency: { ...AT_ONCE, workers: '' },
  limitConcurrency: AT_ONCE,
  maxConcurrency: AT_ONCE,
  maxConcurrent: AT_ONCE,
  maxConcurrentCalls: { maxConcurrent: '' },
  key: { maxConcurrent: ' of perKey((key) => bulkhead({ maxConcurrent }), { maxKeys })' },
  highWater: { maxQueue: '' },
  queueSize: { maxQueue: '' },
  queueLimit: { maxQueue: '' },
  maxThreads: { workers: '' },
  maxWorkers: { workers: '' },
  // Hedges.
  delay: { afterMs: '' },
  // Time limits and breakers: cockatiel, opossum, resilience4j.
  timeout: { timeoutMs: '', maxWaitMs: '' },
  resetTimeout: { resetTimeoutMs: '' },
  threshold: { failureThreshold: '' },
  halfOpenAfter: { resetTimeoutMs: '' },
  errorThresholdPercentage: { window: ', whose failureRate is a part of 1' },
  failureRateThreshold: { window: ', whose failureRate is a part of 1' },
  slidingWindowSize: { window: ', whose calls it is' },
  waitDurationInOpenState: { resetTimeoutMs: '' },
  volumeThreshold: { window: ', whose minimumCalls it is' },
  rollingCountTimeout: { window: ', whose ms it is' },
  errorFilter: { isFailure: ', which is true for what counts' },
}

/**
 * Guesses which option an unknown name was meant for: the name comes from another library, or is mistyped. Returns the option in quotes,
 * with a hint; null if there is no guess.
 */
export function optionMeantBy(name: string, known: readonly string[]): string | null {
  const elsewhere = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined
  const meant = Object.entries(elsewhere ?? {}).find(([here]) => known.includes(here))
  if (meant !== undefined) return `'${meant[0]}'${meant[1]}`
  const near = nearest(name, known)
  return near === null ? null : `'${near}'`
}

/** The known word within two edits of `word`, if there is one. */
function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = 3
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
