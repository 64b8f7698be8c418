// A thread whose callers wait for a shared limit. It tells between which two readings of the clock each of them was admitted.
import { parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../../dist/index.js'
import { watchDecisions } from '../../support/decisions.mjs'

const { handle, costs, atOnce, forMs, originNs } = workerData
const acquire = watchDecisions(originNs)
const limiter = RateLimiter.from(handle)
const grants = []
const untilMs = performance.now() + forMs

async function caller(index) {
  for (let i = index; performance.now() < untilMs; i++) grants.push(await acquire(limiter, costs[i % costs.length]))
}

await Promise.all(Array.from({ length: atOnce }, (_, index) => caller(index)))
parentPort.postMessage(grants)
