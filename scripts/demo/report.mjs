// What the demo must have shown, and how it says so to people.

/** The value below which the share `q` of the sorted values lies. */
export const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]

/** The conditions for exit code 0. */
export function checksOf(result, leastShare) {
  const { withoutLimiter, withLimiter } = result
  return [
    { name: 'without a limiter the API refuses', holds: withoutLimiter.refused429 > 0 },
    { name: 'with it, not one 429', holds: withLimiter.refused429 === 0 },
    { name: `at least ${leastShare * 100} % of the API's rate`, holds: withLimiter.shareOfApiRate >= leastShare },
    { name: 'every file was fetched once', holds: withLimiter.fetched === result.files },
    { name: 'the hash of the crawl is the hash of the disk', holds: result.sha256 === result.sha256FromDisk },
  ]
}

/** Writes the result for people. */
export function print(result, checks) {
  const { withoutLimiter: before, withLimiter: after, decision, machine } = result
  const rows = [
    ['files of node_modules', `${result.files}, fetched by ${result.crawlers} crawlers in ${result.crawlers} threads`],
    ['the API allows', `${result.api.requestsPerSecond} requests/s, burst ${result.api.burstSize}`],
    [
      'without a limiter',
      `${before.refused429} of ${before.requests} requests refused with 429 in ${seconds(before.elapsedMs)}`,
    ],
    ['with one limiter', `${after.refused429} refused, ${after.fetched} files in ${seconds(after.elapsedMs)}`],
    [
      'rate',
      `${after.filesPerSecond.toFixed(1)} files/s, ${(after.shareOfApiRate * 100).toFixed(2)} % of the API's limit`,
    ],
    ['wait for the limiter', `p50 ${after.waitMs.p50.toFixed(1)} ms, p99 ${after.waitMs.p99.toFixed(1)} ms`],
    [
      'one decision costs',
      `${decision.allowedNs.toFixed(0)} ns allowed, ${decision.deniedNs.toFixed(0)} ns denied (${machine.implementation}, Node ${machine.node})`,
    ],
    ['sha-256 of the crawl', result.sha256],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`)
  console.log()
  for (const check of checks) console.log(`${check.holds ? 'ok    ' : 'FAILED'}  ${check.name}`)
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`
