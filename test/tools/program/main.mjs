// One limit of five calls for this thread and two workers: whoever counts five in all shares it.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { RateLimiter } from 'amorsize'

const limiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })

/** Takes what there is, three calls at most. */
function take() {
  let taken = 0
  while (taken < 3 && limiter.tryAcquire()) taken++
  return taken
}

async function main() {
  const taken = [take()]
  for (let i = 0; i < 2; i++) {
    const [count] = await once(new Worker(process.argv[1]), 'message')
    taken.push(count)
  }
  console.log(JSON.stringify(taken))
}

if (isMainThread) void main()
else parentPort.postMessage(take())
