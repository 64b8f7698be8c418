// A thread that drives one bucket as its workerData says and reports what it was granted.
import { parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../dist/index.js'
import { nativeAddon } from '../../dist/internal/native.js'
import { Bucket } from '../../dist/memory/bucket/bucket.js'

const { handle, policy, mode, attempts, go, log } = workerData
const limiter = handle === undefined ? new RateLimiter(policy) : RateLimiter.from(handle)

/** Waits until all threads are ready, so that they compete from the first call on. */
function start() {
  Atomics.add(go, 1, 1)
  Atomics.notify(go, 1)
  Atomics.wait(go, 0, 0)
}

const modes = {
  /** Takes what it can get. */
  drain() {
    let granted = 0
    for (let i = 0; i < attempts; i++) if (limiter.tryAcquire()) granted++
    return granted
  },
  /** Takes what it can get through a lease, in turns of 100 calls; the lease gives back what is left of each. */
  async lease() {
    const lease = limiter.lease({ size: 64 })
    let granted = 0
    for (let i = 0; i < attempts; i++) {
      if (lease.tryAcquire()) granted++
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
    lease[Symbol.dispose]()
    return granted
  },
  /** Reserves one after another and tells how long each would wait by a clock that stands still. */
  places() {
    // A limiter's name on a clock of one's own is this thread's; the bucket beneath it takes any time from anybody.
    const standingStill = { now: () => 0, setTimeout: () => 0, clearTimeout: () => undefined }
    const name = `${policy.name} at rest`
    const { subject: bucket } = Bucket.named(nativeAddon(), name, 'process', policy, standingStill)
    return Array.from({ length: attempts }, () => bucket.reserve(1, Infinity).ticket.waitMs)
  },
  /** Waits in line; the place in the log is the order of being served, the value the order of having come. */
  line() {
    for (let i = 0; i < attempts; i++) {
      limiter.acquireSync()
      log[Atomics.add(log, 0, 1)] = workerData.index
    }
    return attempts
  },
  /** Without end: to be killed in the middle. */
  refunding() {
    for (;;) if (limiter.tryAcquire()) limiter.refund(1)
  },
  cancelling() {
    for (;;) limiter.reserve(3).cancel()
  },
  updating() {
    for (let i = 0; ; i++) {
      if (limiter.tryAcquire()) limiter.refund(1)
      limiter.update({ burstSize: 100 + (i % 2) })
    }
  },
}

start()
parentPort.postMessage(await modes[mode]())
