// Two workers and the main thread share one circuit breaker and one bulkhead, because these have the same names. Failures in one worker
// open the breaker for all, and a killed worker gives back its slots. The program prints a timeline.
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { bulkhead, circuitBreaker, pipeline } from 'amorsize'

// Every thread evaluates these lines, and all of them get the same breaker and the same slots.
const breaker = circuitBreaker({ name: 'orders-api', failureThreshold: 3, successThreshold: 1, resetTimeoutMs: 1000 })
const slots = bulkhead({ name: 'orders-api', maxConcurrent: 2, maxQueue: 0 })
const api = pipeline(breaker, slots)

if (isMainThread) await main()
else parentPort.on('message', async (what) => parentPort.postMessage(await commands[what]()))

/** The orders that a worker obeys; each answers with the outcome of its last call. */
const commands = {
  'fails three times': async () => {
    await outcome(api.execute(() => Promise.reject(new Error('the server is down'))))
    await outcome(api.execute(() => Promise.reject(new Error('the server is down'))))
    return outcome(api.execute(() => Promise.reject(new Error('the server is down'))))
  },
  calls: () => outcome(api.execute(() => 42)),
  'starts a call that hangs': () => (outcome(api.execute(() => new Promise(() => undefined))), 'running'),
}

function outcome(call) {
  return call.then(
    (value) => `answered ${value}`,
    (error) => error.code ?? `failed: ${error.message}`,
  )
}

async function main() {
  const startedMs = performance.now()
  const timeline = []
  const note = (who, what) =>
    timeline.push(`${String(Math.round(performance.now() - startedMs)).padStart(5)} ms  ${who.padEnd(8)}  ${what}`)
  breaker.on('open', () => note('main', 'hears that the breaker is open'))
  breaker.on('halfOpen', () => note('main', 'hears that the breaker is half-open'))
  breaker.on('close', () => note('main', 'hears that the breaker is closed'))

  const workers = [1, 2].map((number) =>
    Object.assign(new Worker(new URL(import.meta.url)), { title: `worker ${number}` }),
  )
  const results = []
  const tell = async (worker, what) => {
    const answer = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    worker.postMessage(what)
    results.push(await answer)
    note(worker.title, `${what}: ${results.at(-1)}`)
  }
  const call = async () => {
    results.push(await outcome(api.execute(() => 42)))
    note('main', `calls: ${results.at(-1)}`)
  }
  const [one, two] = workers

  // Failures in one worker open the breaker for all.
  await tell(one, 'fails three times')
  await sleep(20)
  await call()
  await tell(two, 'calls')
  // When its time is up, one call probes. Its worker dies, and the probe's place comes back.
  await sleep(1000)
  await tell(one, 'starts a call that hangs')
  await call()
  await one.terminate()
  note('main', 'has killed worker 1 in the middle of the probe')
  await call()
  // A worker that holds both slots dies, and the slots come back.
  await tell(two, 'starts a call that hangs')
  await tell(two, 'starts a call that hangs')
  note('main', `sees ${slots.available} free slots`)
  await call()
  await two.terminate()
  note('main', `has killed worker 2, and sees ${slots.available} free slots`)
  await call()

  console.log(timeline.join('\n'))
  const expected = [
    ...['failed: the server is down', 'ERR_CIRCUIT_OPEN', 'ERR_CIRCUIT_OPEN'],
    ...['running', 'ERR_CIRCUIT_OPEN', 'answered 42'],
    ...['running', 'running', 'ERR_BULKHEAD_REJECTED', 'answered 42'],
  ]
  if (results.join() !== expected.join()) process.exitCode = 1
}
