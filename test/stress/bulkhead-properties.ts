import { expect } from 'vitest'
import { bulkhead } from '../../dist/index.js'
import { Threads } from './limiter-threads.js'

let names = 0

/**
 * Threads that take, give back and give up are terminated at random moments, while this one keeps calling. After each round all slots are
 * free, and nobody is forgotten. With `most` they also change the limit all the time, up to that.
 */
export async function expectSlotsConserved(rounds: number, threads: number, most = 0): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const options = { maxConcurrent: 1 + (round % 3), name: `slots of round ${++names}` }
    const policy = bulkhead(options)
    const board = new Int32Array(new SharedArrayBuffer(12))
    const workers = new Threads(threads, { options, board, most }, 'bulkhead-worker.mjs')
    await workers.start()
    let isEnding = false as boolean
    const own = (async () => {
      while (!isEnding) {
        await policy.execute(() => undefined)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await workers.terminate(80)
    // A call of this thread that waits for a slot of the dead would never end.
    isEnding = true
    await own
    policy.update({ maxConcurrent: options.maxConcurrent })
    expect(policy.available).toBe(options.maxConcurrent)
    const all = await Promise.all(Array.from({ length: 20 }, (_, id) => policy.execute(() => id)))
    expect(all).toHaveLength(20)
    expect(policy.stats()).toMatchObject({ running: 0, queued: 0 })
  }
}

/** Threads that all end by themselves: never more run at once than may, or than the largest limit in force with `most`, and every call is served or has given up. */
export async function expectNeverMoreThanMay(
  calls: number,
  threads: number,
  isByName: boolean,
  most = 0,
): Promise<void> {
  for (const maxConcurrent of [1, 3]) {
    const options = { maxConcurrent, name: `limit ${++names}` }
    const policy = isByName ? bulkhead(options) : bulkhead({ maxConcurrent })
    const board = new Int32Array(new SharedArrayBuffer(12))
    const data = isByName ? { options } : { handle: policy.share() }
    const results = await new Threads(threads, { ...data, board, calls, most }, 'bulkhead-worker.mjs').run<string>()
    expect(results).toEqual(Array.from({ length: threads }, () => 'done'))
    expect(board[0]).toBe(0)
    expect(board[1]).toBeLessThanOrEqual(Math.max(maxConcurrent, most))
    expect(board[2]).toBeGreaterThan((calls * threads) / 2)
    policy.update({ maxConcurrent })
    expect(policy.available).toBe(maxConcurrent)
  }
}
