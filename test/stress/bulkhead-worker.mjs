// A thread that runs calls under one bulkhead until it is ended, and checks that never more run at once than may.
import { parentPort, workerData } from 'node:worker_threads'
import { Bulkhead, bulkhead } from '../../dist/index.js'

const { handle, options, go, board, calls = Infinity, most = 0 } = workerData
const policy = handle === undefined ? bulkhead(options) : Bulkhead.from(handle)
const { maxConcurrent } = policy
const pause = () => new Promise((resolve) => setImmediate(resolve))

/** Words of the board: calls that run, the most at once, calls that have ended. */
async function work(id) {
  const running = Atomics.add(board, 0, 1) + 1
  if (running > Atomics.load(board, 1)) Atomics.store(board, 1, running)
  if (id % 3 === 0) await pause()
  Atomics.sub(board, 0, 1)
  Atomics.add(board, 2, 1)
}

async function caller(id) {
  for (let i = 0; i < calls; i++) {
    const controller = new AbortController()
    const call = policy.execute(() => work(id + i), { signal: controller.signal })
    // Some give up: at once, or a little later.
    if (i % 7 === 0) controller.abort()
    else if (i % 5 === 0) setImmediate(() => controller.abort())
    await call.catch((error) => {
      if (error.name !== 'AbortError') throw error
    })
    // With `most`, the limit is changed all the time, up to that.
    if (most > 0 && i % 13 === 0) policy.update({ maxConcurrent: 1 + ((id + i) % most), maxQueue: 1000 + (i % 2) })
    if (i % 11 === 0) await pause()
  }
}

Atomics.add(go, 1, 1)
Atomics.notify(go, 1)
Atomics.wait(go, 0, 0)
// More callers than slots, so that some of this thread wait.
await Promise.all(Array.from({ length: maxConcurrent + 2 }, (_, id) => caller(id)))
parentPort.postMessage('done')
