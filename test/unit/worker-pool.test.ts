import { expect, it } from 'vitest'
import { type WorkerRequest, WorkerPool } from '../../dist/execute/threads/worker-pool.js'

const HOLDING = { held: 0, spare: 0, leaving: 0, heldMs: 0, worksHere: true, mayWorkHere: true }

/** A run that asks for workers, and the first that it gets. */
function asking(wanted: number): {
  readonly request: WorkerRequest
  readonly joined: Promise<{ end(why: undefined): void }>
} {
  let request: WorkerRequest | undefined
  const joined = new Promise<{ end(why: undefined): void }>((resolve, reject) => {
    request = {
      wanted,
      most: 1,
      holds: () => HOLDING,
      joined: resolve,
      started: () => undefined,
      makeWay: () => undefined,
      goOnHere: () => undefined,
      refused: reject,
    }
  })
  return { request: request!, joined }
}

it('workers are started in a turn of the event loop that has room for it, for as many runs as have asked by then', async () => {
  const later: (() => void)[] = []
  let ids = 0
  const pool = new WorkerPool(
    () => ++ids,
    (start) => later.push(start),
  )
  const [one, two] = [asking(1), asking(1)]
  pool.request(one.request)
  pool.request(two.request)
  expect([pool.size, later.length]).toEqual([0, 1])
  // Nobody needs to start what nobody wants any more.
  pool.withdraw(two.request)
  later.shift()?.()
  expect([pool.size, ids, pool.startingMs !== undefined]).toEqual([1, 1, true])
  const worker = await one.joined
  expect([pool.working, pool.startingMs]).toEqual([1, undefined])
  worker.end(undefined)
})

it('so are those for later runs, if there are not enough by then', () => {
  const later: (() => void)[] = []
  let ids = 0
  const pool = new WorkerPool(
    () => ++ids,
    (start) => later.push(start),
  )
  pool.prepare(1, (worker) => worker.end(undefined))
  pool.prepare(1, (worker) => worker.end(undefined))
  expect([pool.size, later.length]).toEqual([0, 2])
  for (const start of later) start()
  expect([pool.size, ids]).toEqual([1, 1])
})
