import { describe } from '../internal/options/validate.js'
import { FAMILIES, type Family, metricName } from './families.js'
import { completeMetricsOptions, type MetricsOptions, takeSamples } from './samples.js'

/** The part of an instrument of @opentelemetry/api 1 that is used here. */
export interface OtelInstrument {
  addCallback(callback: never): void
}

/** The object that a callback of @opentelemetry/api reports to. */
export interface OtelObserver {
  observe(instrument: OtelInstrument, value: number, attributes?: Readonly<Record<string, string>>): void
}

/** The part of a meter of @opentelemetry/api 1 that is used here. */
export interface OtelMeter {
  createObservableCounter(name: string, options?: { description?: string }): OtelInstrument
  createObservableGauge(name: string, options?: { description?: string }): OtelInstrument
  addBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: OtelInstrument[]): void
  removeBatchObservableCallback(callback: (observer: OtelObserver) => void, instruments: OtelInstrument[]): void
}

/**
 * Reports all metrics except histograms through a meter of OpenTelemetry. One callback reads them for each collection; otherwise they
 * cost nothing.
 *
 * @param meter - e.g. `metrics.getMeter('amorsize')`
 * @param options - see {@link MetricsOptions}; `prefix` defaults to 'amorsize_' here, too
 * @returns a function that ends this
 * @throws {TypeError | RangeError} for bad options
 */
export function openTelemetry(meter: OtelMeter, options: MetricsOptions = {}): () => void {
  if (typeof (meter as Partial<OtelMeter> | null | undefined)?.addBatchObservableCallback !== 'function')
    throw new TypeError(`meter must be a Meter of @opentelemetry/api; received ${describe(meter)}`)
  const complete = completeMetricsOptions('openTelemetry', options)
  const make = (family: Family, isOfMachine: boolean): OtelInstrument => {
    const name = metricName(complete.prefix, family, isOfMachine)
    const about = { description: family.help }
    return family.type === 'counter'
      ? meter.createObservableCounter(name, about)
      : meter.createObservableGauge(name, about)
  }
  // OpenTelemetry has no observable histogram.
  const families: readonly Family[] = Object.values(FAMILIES).filter(({ type }) => type !== 'histogram')
  const ofProcess = new Map(families.map((family) => [family, make(family, false)]))
  const ofMachine = new Map(complete.machine ? families.map((family) => [family, make(family, true)]) : [])
  const observe = (observer: OtelObserver): void => {
    for (const { family, labels, value, isOfMachine } of takeSamples(complete)) {
      const instrument = (isOfMachine ? ofMachine : ofProcess).get(family)
      if (instrument !== undefined) observer.observe(instrument, value, labels.values)
    }
  }
  const instruments = [...ofProcess.values(), ...ofMachine.values()]
  meter.addBatchObservableCallback(observe, instruments)
  return () => meter.removeBatchObservableCallback(observe, instruments)
}
