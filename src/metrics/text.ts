import { FAMILIES, metricName, type Sample } from './families.js'
import { completeMetricsOptions, type MetricsOptions, SamplesByFamily, takeSamples } from './samples.js'

/** `Content-Type` of the answer to a scrape. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Returns all metrics of this moment in the text format of Prometheus 0.0.4, without any library.
 *
 * Cost: some microseconds per name of the machine in each call; nothing otherwise.
 *
 * @param options - see {@link MetricsOptions}
 * @throws {TypeError | RangeError} for bad options
 * @example
 * const limiter = new RateLimiter({ requestsPerSecond: 100 })
 * const server = createServer((request, response) =>
 *   response.end(metricsText({ objects: { api: limiter } })),
 * )
 * // server.listen(9464, '127.0.0.1')
 */
export function metricsText(options: MetricsOptions = {}): string {
  const complete = completeMetricsOptions('metricsText', options)
  return formatted(takeSamples(complete), complete.prefix)
}

/** Samples in the text format, by family. */
export function formatted(samples: readonly Sample[], prefix: string): string {
  const groups = new SamplesByFamily(samples)
  let text = ''
  for (const isOfMachine of [false, true]) {
    for (const family of Object.values(FAMILIES)) {
      const own = groups.of(family, isOfMachine)
      if (own.length === 0) continue
      const name = metricName(prefix, family, isOfMachine)
      text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`
      for (const { labels, value, part = '' } of own) text += `${name}${part}${labels.text} ${valueText(value)}\n`
    }
  }
  return text
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
