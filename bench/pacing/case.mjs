// Queues waiters all at once and looks at when they are released: node case.mjs <subject> <rate> <burst> <seconds>
import { setTimeout as sleep } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { load, rivalNamed } from '../support/rivals.mjs'
import { steadiness, waitersFor } from './steadiness.mjs'

const POINTS_SHOWN = 50

/** Null where the subject has no such limit, or is not done with queueing when the run ends. */
async function measure(subject, rate, burst, seconds) {
  const waiters = waitersFor(rate, burst, seconds)
  const releasedAt = new Float64Array(waiters)
  let count = 0
  const enqueue = await rivalNamed(subject).wait(load, rate, burst)
  if (enqueue === null) return null
  const released = () => (releasedAt[count++] = performance.now())

  const startUs = cpuUs()
  const start = performance.now()
  for (let i = 0; i < waiters; i++) enqueue(released)
  await sleep(Math.max(0, start + seconds * 1000 - performance.now()))
  const cpuMs = (cpuUs() - startUs) / 1000

  const times = Array.from(releasedAt.subarray(0, count), (at) => at - start)
  const steady = steadiness(times)
  return steady === null ? null : { waiters, released: count, cpuMs, ...steady, behind: behindIdeal(times, rate) }
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
