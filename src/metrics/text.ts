import { FAMILIES, metricName, type Sample } from './families.js'
import { completeMetricsOptions, type MetricsOptions, SamplesByFamily, takeSamples } from './samples.js'

/** What a scrape is answered with, for the header `Content-Type`. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * All metrics of this moment in the text format of Prometheus 0.0.4, without any library.
 *
 * @param options - see {@link MetricsOptions}
 * @throws {TypeError | RangeError} for bad options
 * Cost: some microseconds per name of the machine, while it is read; nothing otherwise.
 * @example
 * const limiter = new RateLimiter({ requestsPerSecond: 100 })
 * const server = createServer((request, response) => response.end(metricsText({ objects: { api: limiter } })))
 * // server.listen(9464, '127.0.0.1')
 */
export function metricsText(options: MetricsOptions = {}): string {
  const complete = completeMetricsOptions('metricsText', options)
  return formatted(takeSamples(complete), complete.prefix)
}

/** Samples in the text format, by family. */
export function formatted(samples: readonly Sample[], prefix: string): string {
  const groups = new SamplesByFamily(samples)
  // Most samples of an object have the same labels.
  const texts = new Map<Sample['labels'], string>()
  const textOf = (labels: Sample['labels']): string => {
    let text = texts.get(labels)
    if (text === undefined) texts.set(labels, (text = labelsText(labels)))
    return text
  }
  return [false, true]
    .flatMap((isOfMachine) => Object.values(FAMILIES).map((family) => ({ family, isOfMachine })))
    .map(({ family, isOfMachine }) => {
      const own = groups.of(family, isOfMachine)
      if (own.length === 0) return ''
      const name = metricName(prefix, family, isOfMachine)
      const lines = own.map(({ labels, value, part = '' }) => `${name}${part}${textOf(labels)} ${valueText(value)}\n`)
      return `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n${lines.join('')}`
    })
    .join('')
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  let text = ''
  for (const key of Object.keys(labels)) text += `${text === '' ? '' : ','}${key}="${escaped(labels[key] ?? '')}"`
  return `{${text}}`
}

/** Printable ASCII that stands for itself: most names are no more than that. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Names are whatever users call things: quotes, newlines and codes for terminals among them. */
function escaped(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replaceAll(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
