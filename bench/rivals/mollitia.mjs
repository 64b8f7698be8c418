export async function policies(load, parts, use, { retries, timeoutMs, concurrent, failures, answer }) {
  if (use !== 'none') return null
  const m = await load('mollitia')
  const makers = {
    fallback: () => new m.Fallback({ callback: () => 0 }),
    retry: () => new m.Retry({ attempts: retries }),
    breaker: () => new m.SlidingCountBreaker({ slidingWindowSize: 10, minimumNumberOfCalls: failures }),
    bulkhead: () => new m.Bulkhead({ concurrentSize: concurrent, queueSize: 0 }),
    timeout: () => new m.Timeout({ delay: timeoutMs }),
  }
  const modules = parts.map((part) => makers[part]())
  const circuit = new m.Circuit({ name: 'bench', func: answer, options: { modules } })
  return () => circuit.execute()
}
