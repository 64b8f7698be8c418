// main.mjs in TypeScript.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { RateLimiter } from 'amorsize'

const limiter: RateLimiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })

function take(): number {
  let taken = 0
  while (taken < 3 && limiter.tryAcquire()) taken++
  return taken
}

async function main(): Promise<void> {
  const taken: number[] = [take()]
  for (let i = 0; i < 2; i++) {
    const [count] = (await once(new Worker(process.argv[1]!), 'message')) as [number]
    taken.push(count)
  }
  console.log(JSON.stringify(taken))
}

if (isMainThread) void main()
else parentPort!.postMessage(take())
