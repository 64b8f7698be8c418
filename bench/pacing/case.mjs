// Queues waiters all at once and looks at when they are released: node case.mjs <subject> <rate> <burst> <seconds>
import { setTimeout as sleep } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { fitLine, quantile } from '../../dist/cli/statistics.js'
import { load, rivalNamed } from '../support/rivals.mjs'

const LEAST_WAITERS = 6000
/** The first second is not looked at: it holds the burst and the time queueing itself takes. */
const FROM_MS = 1000
/** More waiters than can be released, so that the queue never runs dry. */
const SPARE = 1.2
const POINTS_SHOWN = 50

async function measure(subject, rate, burst, seconds) {
  const waiters = Math.max(LEAST_WAITERS, Math.ceil(rate * seconds * SPARE) + burst)
  const releasedAt = new Float64Array(waiters)
  let count = 0
  const enqueue = await rivalNamed(subject).wait(load, rate, burst)
  const released = () => (releasedAt[count++] = performance.now())

  const cpuStart = process.cpuUsage()
  const start = performance.now()
  for (let i = 0; i < waiters; i++) enqueue(released)
  await sleep(start + seconds * 1000 - performance.now())
  const cpu = process.cpuUsage(cpuStart)

  const times = Array.from(releasedAt.subarray(0, count), (at) => at - start)
  return {
    waiters,
    released: count,
    cpuMs: (cpu.user + cpu.system) / 1000,
    ...steadiness(times),
    behind: behindIdeal(times, rate),
  }
}

/** The rate from {@link FROM_MS} on, and how far single releases are from an even spacing at that rate. */
function steadiness(times) {
  const first = times.findIndex((time) => time >= FROM_MS)
  const window = first < 0 ? [] : times.slice(first)
  if (window.length < 10) throw new Error(`only ${window.length} waiters were released after ${FROM_MS} ms`)
  const indices = window.map((_, i) => i)
  const { slope: perMs } = fitLine(window, indices)
  const line = fitLine(indices, window)
  const residuals = window.map((time, i) => Math.abs(time - (line.intercept + line.slope * i)))
  return { ratePerSecond: perMs * 1000, jitterP99Ms: quantile(residuals, 0.99), jitterMaxMs: Math.max(...residuals) }
}

/** How many releases short of (or ahead of) the ideal line the run is, at evenly spaced moments. */
function behindIdeal(times, rate) {
  const step = Math.max(1, Math.floor(times.length / POINTS_SHOWN))
  return times
    .filter((_, i) => i % step === 0)
    .map((time, i) => [Math.round(time), Math.round(i * step + 1 - (rate * time) / 1000)])
}

const [subject, rate, burst, seconds] = process.argv.slice(2)
await reportToParent(() => measure(subject, Number(rate), Number(burst), Number(seconds)))
