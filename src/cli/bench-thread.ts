import { once } from 'node:events'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { START, STOP, type ThreadCount, type ThreadTask } from './bench-threads.js'
import type { SyncCall } from './measuring-loop.js'

/** A worker of {@link measureThreads}: waits for the start, decides until it is told to stop, reports its count. */

/** Calls between two looks at the word that stops the run. */
const BATCH_CALLS = 1000
const WARM_UP_CALLS = 100_000

/** Back to back, without filler: how the threads get into each other's way is what is measured here. */
function decide(call: SyncCall, calls: number): number {
  let allowed = 0
  for (let i = 0; i < calls; i++) if (call()) allowed++
  return allowed
}

function decideUntilStopped(call: SyncCall, control: Int32Array): ThreadCount {
  let decisions = 0
  let admitted = 0
  const start = process.hrtime.bigint()
  do {
    admitted += decide(call, BATCH_CALLS)
    decisions += BATCH_CALLS
  } while (Atomics.load(control, STOP) === 0)
  return { decisions, admitted, elapsedNs: Number(process.hrtime.bigint() - start) }
}

function decideUntilDenied(call: SyncCall): ThreadCount {
  let admitted = 0
  const start = process.hrtime.bigint()
  while (call()) admitted++
  return { decisions: admitted + 1, admitted, elapsedNs: Number(process.hrtime.bigint() - start) }
}

async function askUntilStopped(port: MessagePort, control: Int32Array): Promise<ThreadCount> {
  let decisions = 0
  let admitted = 0
  const start = process.hrtime.bigint()
  do {
    port.postMessage(null)
    const [allowed] = (await once(port, 'message')) as [boolean]
    if (allowed) admitted++
    decisions++
  } while (Atomics.load(control, STOP) === 0)
  return { decisions, admitted, elapsedNs: Number(process.hrtime.bigint() - start) }
}

async function main(port: MessagePort): Promise<void> {
  const { RateLimiter } = await import('../index.js')
  const { mode, handle, control } = workerData as ThreadTask
  const limiter = RateLimiter.from(handle)
  const decider = mode === 'lease' ? limiter.lease({ size: 64 }) : limiter
  const call = (): boolean => decider.tryAcquire()
  // In the mode 'drain' every token counts, and speed does not.
  if (mode === 'bucket' || mode === 'lease') decide(call, WARM_UP_CALLS)
  port.postMessage('ready')
  Atomics.wait(control, START, 0)
  if (mode === 'message') port.postMessage(await askUntilStopped(port, control))
  else port.postMessage(mode === 'drain' ? decideUntilDenied(call) : decideUntilStopped(call, control))
}

if (parentPort === null) throw new Error('bench-thread.js runs as a worker of bench-threads.js')
void main(parentPort)
