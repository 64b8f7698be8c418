// Four worker threads query a database that takes ten connections at a time and refuses the eleventh. First they query it directly, then
// through a bulkhead and a breaker that all threads share by name. At the end the database goes down, and the breaker spares it.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { bulkhead, circuitBreaker, pipeline } from 'amorsize'

const CONNECTIONS = 10
const QUERY_MS = 5
const THREADS = 4
/** Each thread has this many callers, and each caller makes this many queries, one after the other. */
const CALLERS = 10
const QUERIES = 10

const database = pipeline(
  circuitBreaker({ name: 'example-database', failureThreshold: 5, resetTimeoutMs: 60_000 }),
  bulkhead({ name: 'example-database-pool', maxConcurrent: CONNECTIONS, maxQueue: 1000 }),
)

if (isMainThread) {
  let [open, isDown, asked] = [0, false, 0]
  const server = createServer((socket) => {
    asked++
    open++
    socket.on('error', () => {})
    const isRefused = isDown || open > CONNECTIONS
    const answer = () => {
      open--
      socket.end(isRefused ? 'refused' : 'rows')
    }
    setTimeout(answer, isRefused ? 0 : QUERY_MS)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')

  const workers = Array.from(
    { length: THREADS },
    () => new Worker(new URL(import.meta.url), { workerData: server.address().port }),
  )
  const round = async (way) => {
    asked = 0
    const outcomes = await Promise.all(
      workers.map(async (worker) => {
        worker.postMessage(way)
        return (await once(worker, 'message'))[0]
      }),
    )
    const total = (name) => outcomes.reduce((sum, outcome) => sum + outcome[name], 0)
    return { rows: total('rows'), failed: total('failed'), asked }
  }

  const all = THREADS * CALLERS * QUERIES
  const bare = await round('bare')
  console.log(`without a policy: ${bare.rows} of ${all} queries answered, ${bare.failed} refused`)
  const guarded = await round('guarded')
  console.log(`with places and a breaker: ${guarded.rows} of ${all} answered, ${guarded.failed} refused`)
  isDown = true
  const down = await round('guarded')
  console.log(
    `while it is down: ${down.failed} failed, of which ${down.asked < 100 ? 'fewer than 100' : down.asked} reached it`,
  )
  await Promise.all(workers.map((worker) => worker.terminate()))
  server.close()
  if (guarded.failed > 0 || bare.failed === 0 || down.asked >= 100) process.exitCode = 1
} else {
  const query = () =>
    new Promise((resolve, reject) => {
      let text = ''
      connect(workerData, '127.0.0.1')
        .on('data', (part) => (text += part))
        .on('error', reject)
        .on('close', () => (text === 'rows' ? resolve(text) : reject(new Error('too many connections'))))
    })
  parentPort.on('message', async (way) => {
    let [rows, failed] = [0, 0]
    const caller = async () => {
      for (let n = 0; n < QUERIES; n++) {
        try {
          await (way === 'bare' ? query() : database.execute(query))
          rows++
        } catch {
          failed++
        }
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    parentPort.postMessage({ rows, failed })
  })
}
