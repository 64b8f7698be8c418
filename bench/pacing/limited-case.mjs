// Callers that come at random, twice as many as the rate allows, and give up after a time: node limited-case.mjs <subject> <rate> <burst> <costs>
// <seconds>. Where the subject cannot let a waiter go, its turn comes all the same, and what it then gets is of no use. The subject `all`: two
// limits of ours at once, and estimates that are settled.
import { setTimeout as sleep } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { load, rivalNamed } from '../support/rivals.mjs'
import { COSTS, random } from '../waiting/virtual-load.mjs'

const LIMIT_MS = 500
/** Before, some callers wait that have not had the time to give up. */
const FROM_MS = 2 * LIMIT_MS
const OFFERED = 2

async function measure(subject, rate, burst, costs, seconds) {
  const isEqual = costs === 'equal'
  const acquire =
    subject === 'all' ? await estimated(rate, burst) : await rivalNamed(subject).acquire(load, rate, burst, isEqual)
  if (acquire === null) return null
  const { mean, of } = COSTS[costs]
  const rng = random(1)
  let [served, grants] = [0, 0]
  const startUs = cpuUs()
  const start = performance.now()
  const call = async (tokens) => {
    const controller = new AbortController()
    const limit = setTimeout(() => controller.abort(), LIMIT_MS)
    const granted = await acquire(tokens, controller.signal).then(
      () => !controller.signal.aborted,
      () => false,
    )
    clearTimeout(limit)
    if (!granted) return
    grants++
    const atMs = performance.now() - start
    if (atMs >= FROM_MS && atMs < seconds * 1000) served += tokens
  }
  // Whoever should have come since the last turn comes now.
  for (let dueMs = 0; performance.now() - start < seconds * 1000;) {
    for (; dueMs <= performance.now() - start; dueMs += ((1000 * mean) / (rate * OFFERED)) * -Math.log(rng()))
      void call(of(rng))
    await sleep(1)
  }
  return {
    servedPercent: (100 * served) / (rate * (seconds - FROM_MS / 1000)),
    cpuUsPerGrant: (cpuUs() - startUs) / grants,
  }
}

async function estimated(rate, burst) {
  const { RateLimiter } = await import('../../dist/bundle/index.js')
  const limit = (times) => ({ requestsPerSecond: times * rate, burstSize: times * burst })
  const both = RateLimiter.all({ rpm: limit(2), tpm: limit(1) })
  return async (tokens, signal) => {
    const permit = await both.acquire({ rpm: 1, tpm: 1.25 * tokens }, { signal })
    permit.settle({ tpm: tokens })
  }
}

const [subject, rate, burst, costs, seconds] = process.argv.slice(2)
await reportToParent(() => measure(subject, Number(rate), Number(burst), costs, Number(seconds)))
