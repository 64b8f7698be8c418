/**
 * The entry `amorsize/metrics`: counts of limiters and policies for systems that watch them. It imports no library of metrics.
 *
 * @module
 */
export type { MetricsOptions } from './samples.js'
export { registerNewObjects, registerObject, type RegisterNewOptions } from './registry.js'
export { type RunCounts, type RunListeners, RunMetrics, type RunProgress } from './run-metrics.js'
export { METRICS_CONTENT_TYPE, metricsText } from './text.js'
export { prometheus, type PromRegistry } from './prometheus.js'
export { openTelemetry, type OtelInstrument, type OtelMeter, type OtelObserver } from './opentelemetry.js'
