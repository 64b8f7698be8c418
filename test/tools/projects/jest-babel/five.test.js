import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { execute, RateLimiter, task } from 'amorsize'
import { doubledInWorkers } from './double'

test('one limit for this thread and two workers', async () => {
  const limiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })
  const taken = [limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()].filter(Boolean)
  for (let i = 0; i < 2; i++) {
    const [count] = await once(new Worker(join(process.cwd(), 'five.cjs')), 'message')
    taken.push(count)
  }
  expect(taken).toEqual([true, true, true, 2, 0])
})

test('an inline function in workers, which the parser has looked at', async () => {
  expect(await doubledInWorkers([1, 2, 3])).toEqual([2, 4, 6])
})

test('a task by its module, which Jest compiles', async () => {
  expect(await execute(task(join(process.cwd(), 'double.js'), 'double'), [1, 2, 3])).toEqual([2, 4, 6])
})
