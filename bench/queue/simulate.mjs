// Simulates workers, and measures the driver: node simulate.mjs <workers> <item ms> <seconds>
//
// The driver is the real one, with all it does for chunks and items; a chunk is answered when its items would be done, by a timer. What the
// client of the queue costs is not in it: group queue measures that.
import { crc32 } from 'node:zlib'
import { performance } from 'node:perf_hooks'
import { reportToParent } from '../../dist/cli/child-process.js'
import { stream, task } from '../../dist/bundle/index.js'
import { overTransport } from '../../dist/bundle/bullmq.js'

const [workers, itemMs, seconds] = process.argv.slice(2).map(Number)
const url = new URL('./tasks.mjs', import.meta.url)

class SimulatedWorkers {
  #waiting = []
  #idle = workers
  #answers = []
  #wake = () => undefined

  async put(chunk) {
    this.#waiting.push(chunk)
    this.#start()
  }

  #start() {
    while (this.#idle > 0 && this.#waiting.length > 0) {
      this.#idle--
      const { id, data } = this.#waiting.shift()
      const ms = data.count * itemMs
      setTimeout(() => {
        const answer = { worker: 'simulated', ms, checksum: crc32(data.items), outcomes: `r${data.items}` }
        this.#answers.push({ id, kind: 'done', answer })
        this.#idle++
        this.#wake()
        this.#start()
      }, ms)
    }
  }

  async *results() {
    for (;;) {
      const answer = this.#answers.shift()
      if (answer === undefined) await new Promise((resolve) => (this.#wake = resolve))
      else yield answer
    }
  }

  workers = async () => workers
  takeBack = async () => false
  cancel = async () => undefined
  close = async () => undefined
}

await reportToParent(async () => {
  function* source() {
    for (let i = 0; ; i++) yield i
  }
  const on = overTransport(async () => new SimulatedWorkers())
  const results = stream(task(url, 'next'), source(), { on, batchSize: 50_000_000 })
  const startMs = performance.now()
  let [items, before, atMs, loop] = [0, 0, 0, undefined]
  // The first half is for the chunks to grow.
  for await (const result of results) {
    if (result !== items++) throw new Error('out of order')
    if (items % 1000 !== 0) continue
    const elapsedMs = performance.now() - startMs
    if (loop === undefined && elapsedMs > seconds * 500) {
      loop = performance.eventLoopUtilization()
      before = items
      atMs = elapsedMs
    }
    if (elapsedMs > seconds * 1000) break
  }
  const measuredMs = performance.now() - startMs - atMs
  const itemsPerSecond = ((items - before) / measuredMs) * 1000
  setTimeout(() => process.exit(), 500).unref()
  return {
    workers,
    itemMs,
    itemsPerSecond,
    /** Of what so many workers could do. */
    share: itemsPerSecond / ((workers * 1000) / itemMs),
    busy: performance.eventLoopUtilization(loop).utilization,
  }
})
