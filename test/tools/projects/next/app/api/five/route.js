import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { execute, RateLimiter } from 'amorsize'

export const dynamic = 'force-dynamic'

const limiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })

export async function GET() {
  let first = 0
  while (first < 3 && limiter.tryAcquire()) first++
  const taken = [first]
  for (let i = 0; i < 2; i++) {
    const [count] = await once(new Worker(join(process.cwd(), 'five.mjs')), 'message')
    taken.push(count)
  }
  const doubled = await execute((n) => n * 2, [1, 2, 3], { mode: 'threads', workers: 2, mainThread: false })
  return Response.json({ taken, doubled })
}
