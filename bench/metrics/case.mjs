// Measures one hot path: node --expose-gc case.mjs <subject> <none | exporters> <seconds>
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { Registry } from 'prom-client'
import { metricsText, openTelemetry, prometheus } from '../../dist/bundle/metrics.js'
import { reportToParent } from '../../dist/cli/child-process.js'
import { removeNames } from '../support/machine-names.mjs'
import { measureCase } from '../support/sample.mjs'
import { subjects } from './subjects.mjs'

/** Far more often than any exporter is asked. */
const SCRAPE_EVERY_MS = 250
const [id, watchers, seconds] = process.argv.slice(2)
const name = `bench-metrics-${process.pid}`

await reportToParent(async () => {
  const { path, make } = subjects[id]
  const { objects, run } = make(name)
  const stop = watchers === 'none' ? () => undefined : await watch(objects)
  try {
    return await measureCase({ id, path, make: () => run }, Number(seconds))
  } finally {
    stop()
    removeNames((own) => own === name)
  }
})

/** All three exporters, each asked before anything is measured and again and again between the batches. */
async function watch(objects) {
  const registry = new Registry()
  prometheus(registry, { objects })
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 1e6,
  })
  const provider = new MeterProvider({ readers: [reader] })
  openTelemetry(provider.getMeter('bench'), { objects })
  const scrape = async () => {
    const texts = [await registry.metrics(), metricsText({ objects })]
    await reader.forceFlush()
    if (!texts.every((text) => text.includes('amorsize_'))) throw new Error('the exporters tell nothing')
  }
  await scrape()
  const timer = setInterval(() => void scrape(), SCRAPE_EVERY_MS)
  return () => clearInterval(timer)
}
