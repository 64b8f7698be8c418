import { expect, it } from 'vitest'
import { WorkerPool, type WorkerRequest } from '../../dist/execute/threads/worker-pool.js'

const nothing = (): void => undefined

it('thousands of runs that ask at once are looked at a few times, not each time another asks', async () => {
  const pool = new WorkerPool(
    () => 1,
    (start) => void setImmediate(start),
  )
  let looks = 0
  const requests = Array.from({ length: 3000 }, (): WorkerRequest => ({
    task: 1,
    wanted: 1,
    get held() {
      looks++
      return 0
    },
    spare: 0,
    leaving: 0,
    heldMs: 0,
    worksHere: true,
    mayWorkHere: true,
    most: 1,
    joined: nothing,
    started: nothing,
    makeWay: nothing,
    goOnHere: nothing,
    refused: nothing,
  }))
  for (const request of requests) pool.request(request)
  await Promise.resolve()
  for (const request of requests) pool.withdraw(request)
  expect(looks).toBeLessThan(20 * requests.length)
})
