/** One object with breaker, capacity and time-out; it has no retry, no fallback, and no signal of the caller. */
export async function policies(load, parts, use, { timeoutMs, concurrent, failures, answer }) {
  if (use !== 'none' || !parts.includes('breaker') || parts.includes('retry')) return null
  const { default: CircuitBreaker } = await load('opossum')
  const breaker = new CircuitBreaker(answer, {
    timeout: parts.includes('timeout') ? timeoutMs : false,
    capacity: parts.includes('bulkhead') ? concurrent : Number.MAX_SAFE_INTEGER,
    volumeThreshold: failures,
  })
  return () => breaker.fire()
}
