export async function policies(
  load,
  parts,
  use,
  { retries, timeoutMs, concurrent, failures, answer, answerWithSignal },
) {
  const c = await load('cockatiel')
  const makers = {
    fallback: () => c.fallback(c.handleAll, 0),
    retry: () => c.retry(c.handleAll, { maxAttempts: retries, backoff: new c.ExponentialBackoff() }),
    breaker: () =>
      c.circuitBreaker(c.handleAll, { halfOpenAfter: 60_000, breaker: new c.ConsecutiveBreaker(failures) }),
    bulkhead: () => c.bulkhead(concurrent),
    timeout: () => c.timeout(timeoutMs, c.TimeoutStrategy.Aggressive),
  }
  const policy = c.wrap(...parts.map((part) => makers[part]()))
  const fn = use === 'read' ? answerWithSignal : answer
  if (use !== 'passed') return () => policy.execute(fn)
  const { signal } = new AbortController()
  return () => policy.execute(fn, signal)
}
