export async function policies(load, parts, use, { retries, answer }) {
  if (use !== 'none' || parts.join() !== 'retry') return null
  const { default: pRetry } = await load('p-retry')
  return () => pRetry(answer, { retries })
}
