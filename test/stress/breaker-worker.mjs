// A thread that drives one circuit breaker as its workerData says, and counts what it saw.
import { parentPort, workerData } from 'node:worker_threads'
import { CircuitBreaker } from '../../dist/index.js'
import { systemClock } from '../../dist/internal/time/clock.js'
import { breakers } from '../../dist/memory/breaker/index.js'

const { handle, address, parameters, places, mode, go, probes, rounds } = workerData
const breaker =
  handle === undefined ? breakers.open(address, parameters, systemClock).subject : CircuitBreaker.from(handle)
const fail = () => Promise.reject(new Error('down'))

/** Waits until all threads are ready, so that they compete from the first call on. */
function start() {
  Atomics.add(go, 1, 1)
  Atomics.notify(go, 1)
  Atomics.wait(go, 0, 0)
}

const modes = {
  /** Probes; opens the breaker again as soon as it is closed. Counts the probes under way in each generation. */
  async probing() {
    const seen = { probes: 0, refused: 0, tooMany: 0 }
    for (let i = 0; i < rounds; i++) {
      const admission = breaker.enter()
      if (!admission.admitted) {
        seen.refused++
      } else if (admission.probe === null) {
        breaker.settle(admission, 1, false)
      } else {
        const slot = admission.generation % probes.length
        if (Atomics.add(probes, slot, 1) >= places) seen.tooMany++
        seen.probes++
        if (i % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
        Atomics.sub(probes, slot, 1)
        breaker.settle(admission, i % 3 === 0 ? 1 : i % 5 === 0 ? 2 : 0, false)
      }
    }
    return seen
  },
  /** Without end: to be killed in the middle of anything. */
  async anything() {
    for (let i = 0; ; i++) {
      await breaker.execute(() => (Math.random() < 0.5 ? 1 : fail())).catch(() => undefined)
      if (i % 64 === 0) breaker.close()
      if (i % 1000 === 0) breaker.isolate()
      if (i % 50 === 0) breaker.update({ probeLeaseMs: 1000 + (i % 1000) })
      if (i % 128 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  },
  /** One probe that never ends: to be killed with its place in hand. */
  async holding() {
    const call = breaker.execute(() => {
      parentPort.postMessage('holding')
      return new Promise(() => undefined)
    })
    setInterval(() => undefined, 1000)
    return call.catch(() => 'refused')
  },
}

start()
parentPort.postMessage(await modes[mode]())
