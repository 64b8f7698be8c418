// Measures threads on one named bulkhead: node threads-case.mjs <threads> <slots> <milliseconds>
//
// Each thread calls again as soon as its call has ended, ten calls in flight, so with a single slot nearly every one is handed over.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { bulkhead } from '../../dist/bundle/index.js'
import { reportToParent } from '../../dist/cli/child-process.js'

const CALLERS = 10
const WARM_UP_MS = 200

if (isMainThread) await reportToParent(measure)
else await work()

async function measure() {
  const [threads, slots, durationMs] = process.argv.slice(2).map(Number)
  const go = new Int32Array(new SharedArrayBuffer(8))
  const board = new Int32Array(new SharedArrayBuffer(8))
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: { slots, durationMs, go, board } }),
  )
  while (Atomics.load(go, 1) < threads) await new Promise((resolve) => setTimeout(resolve, 5))
  Atomics.store(go, 0, 1)
  Atomics.notify(go, 0)
  const counts = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
  return {
    threads,
    slots,
    callsPerSecond: (counts.reduce((sum, count) => sum + count, 0) / durationMs) * 1000,
    mostAtOnce: board[1],
  }
}

async function work() {
  const { slots, durationMs, go, board } = workerData
  const policy = bulkhead({ maxConcurrent: slots, name: 'bench' })
  const answer = async () => {
    const running = Atomics.add(board, 0, 1) + 1
    if (running > board[1]) board[1] = running
    Atomics.sub(board, 0, 1)
  }
  Atomics.add(go, 1, 1)
  Atomics.wait(go, 0, 0)
  await run(WARM_UP_MS)
  parentPort.postMessage(await run(durationMs))

  async function run(ms) {
    let calls = 0
    const until = performance.now() + ms
    const caller = async () => {
      while (performance.now() < until) {
        for (let i = 0; i < 20; i++) await policy.execute(answer)
        calls += 20
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    return calls
  }
}
