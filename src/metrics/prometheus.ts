import { describe } from '../internal/options/validate.js'
import { FAMILIES, type Family, metricName } from './families.js'
import { completeMetricsOptions, type MetricsOptions, SamplesByFamily, takeSamples } from './samples.js'

/** The part of a registry of prom-client 15 that is used here. */
export interface PromRegistry {
  registerMetric(metric: never): void
  getSingleMetric(name: string): unknown
}

/** The description of a metric, as prom-client wants it. */
interface PromTerms {
  readonly name: string
  readonly help: string
  readonly type: Family['type']
  readonly aggregator: Family['together'] | 'first'
}

/** A metric for prom-client, which calls `get` when it is scraped. */
interface PromMetric extends PromTerms {
  get(): Promise<
    PromTerms & {
      readonly values: readonly { readonly labels: object; readonly value: number; readonly metricName?: string }[]
    }
  >
  reset(): void
}

/**
 * Registers all metrics with prom-client. They are read when the registry is scraped, and cost nothing otherwise. In a cluster
 * (`AggregatorRegistry`) values of the machine are taken once, those of processes are summed up; for states and waits the highest counts.
 *
 * @param registry - `client.register`, or one of your own
 * @param options - see {@link MetricsOptions}
 * @throws {TypeError | RangeError} for bad options
 * @throws {Error} when the registry already has a metric of such a name, as after an earlier call; then none is added
 */
export function prometheus(registry: PromRegistry, options: MetricsOptions = {}): void {
  if (typeof (registry as Partial<PromRegistry> | null | undefined)?.registerMetric !== 'function')
    throw new TypeError(`registry must be a Registry of prom-client; received ${describe(registry)}`)
  const complete = completeMetricsOptions('prometheus', options)
  const { prefix } = complete
  // prom-client reads all metrics in one turn, so the samples are taken once for all of them.
  let taken: SamplesByFamily | undefined
  const samples = (): SamplesByFamily => {
    if (taken === undefined) {
      taken = new SamplesByFamily(takeSamples(complete))
      queueMicrotask(() => (taken = undefined))
    }
    return taken
  }
  const metrics = Object.values(FAMILIES).flatMap((family) => [
    metric(prefix, family, false, samples),
    ...(complete.machine ? [metric(prefix, family, true, samples)] : []),
  ])
  const known = metrics.find(({ name }) => registry.getSingleMetric(name) !== undefined)
  if (known !== undefined) throw new Error(`the registry has a metric ${known.name} already; another prefix makes room`)
  for (const each of metrics) registry.registerMetric(each as never)
}

function metric(prefix: string, family: Family, isOfMachine: boolean, samples: () => SamplesByFamily): PromMetric {
  const { help, type } = family
  const name = metricName(prefix, family, isOfMachine)
  const terms: PromTerms = { name, help, type, aggregator: isOfMachine ? 'first' : family.together }
  return {
    ...terms,
    get: () => {
      const values = samples()
        .of(family, isOfMachine)
        .map(({ labels, value, part }) => ({
          labels: labels.values,
          value,
          ...(part === undefined ? {} : { metricName: `${name}${part}` }),
        }))
      return Promise.resolve({ ...terms, values })
    },
    reset: () => undefined,
  }
}
