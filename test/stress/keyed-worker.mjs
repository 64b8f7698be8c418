// A thread that drives one keyed table as its workerData says and reports what it was granted.
import { parentPort, workerData } from 'node:worker_threads'
import { KeyedRateLimiter } from '../../dist/index.js'

const { handle, policy, mode, keys, attempts, go, index } = workerData
const limiter = handle === undefined ? new KeyedRateLimiter(policy) : KeyedRateLimiter.from(handle)

/** Waits until all threads are ready, so that they compete from the first call on. */
function start() {
  Atomics.add(go, 1, 1)
  Atomics.notify(go, 1)
  Atomics.wait(go, 0, 0)
}

const modes = {
  /** Takes what it can get of every key, in the same order as the others, so that claims meet. */
  drain() {
    const granted = new Array(keys).fill(0)
    for (let key = 0; key < keys; key++)
      for (let i = 0; i < attempts; i++) if (limiter.tryAcquire(`key ${key}`)) granted[key]++
    return granted
  },
  /** Without end, to be killed in the middle: claims, decides, waits, forgets. */
  churn() {
    for (let i = index; ; i++) {
      const key = `key ${i % keys}`
      limiter.tryAcquire(key)
      limiter.tryAcquire(key, 2)
      if (i % 7 === 0) limiter.reset(`key ${(i * 31) % keys}`)
      if (i % 11 === 0) limiter.tryAcquire(i)
    }
  },
}

start()
parentPort.postMessage(modes[mode]())
