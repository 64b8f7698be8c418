// A limiter without a name: its handle goes to the worker thread, by workerData or postMessage, and both use one bucket.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { RateLimiter } from 'amorsize'

if (isMainThread) {
  const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 100 })
  const worker = new Worker(new URL(import.meta.url), { workerData: { handle: limiter.share() } })
  const taken = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
  console.log(`the worker took ${taken} tokens; ${Math.floor(limiter.getAvailableTokens())} of 100 are left here`)
} else {
  const limiter = RateLimiter.from(workerData.handle)
  let taken = 0
  while (taken < 60 && limiter.tryAcquire()) taken++
  parentPort.postMessage(taken)
}
