import { expect, it } from 'vitest'
import type { PoolWorker } from '../../../dist/execute/threads/pool-worker.js'
import { WorkerPool, type WorkerRequest } from '../../../dist/execute/threads/worker-pool.js'

const nothing = (): void => undefined
const asked = {
  task: { id: 1, expression: '() => 1', isStrict: true, helpers: [] },
  wanted: 1,
  isShared: false,
  held: 0,
  spare: 0,
  leaving: 0,
  heldMs: 0,
  worksHere: true,
  mayWorkHere: true,
  most: 1,
  joined: nothing,
  makeWay: nothing,
  goOnHere: nothing,
  refused: nothing,
} satisfies WorkerRequest

it('thousands of runs that ask at once are looked at a few times, not each time another asks', async () => {
  const pool = new WorkerPool(
    () => 1,
    (start) => void setImmediate(start),
  )
  let looks = 0
  const requests = Array.from({ length: 3000 }, (): WorkerRequest => ({
    ...asked,
    get held() {
      looks++
      return 0
    },
  }))
  for (const request of requests) pool.request(request)
  await Promise.resolve()
  for (const request of requests) pool.withdraw(request)
  expect(looks).toBeLessThan(20 * requests.length)
})

it('a worker that was ended is given to no other run, though it has not gone yet', async () => {
  let id = 0
  using pool = new WorkerPool(
    () => ++id,
    (start) => void setImmediate(start),
  )
  const next = (): Promise<PoolWorker> => new Promise((joined) => pool.request({ ...asked, joined }))
  const first = await next()
  first.end()
  pool.release(first)
  const second = await next()
  expect([first.id, second.id]).toEqual([1, 2])
  pool.release(second)
})
