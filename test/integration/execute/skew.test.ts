import { execute, stream } from 'amorsize'
import { describe, expect, it } from 'vitest'

const inWorkers = { mode: 'threads', workers: 2, mainThread: false } as const

/** Keeps its thread busy for as long as the item says. */
const work = ({ i, ms }: { i: number; ms: number }): number => {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
  return i
}

describe('items that take much longer than others', () => {
  it('hold up no others that wait behind them in a worker', async () => {
    // Both workers are there.
    await execute(
      work,
      Array.from({ length: 8 }, (_, i) => ({ i, ms: 5 })),
      inWorkers,
    )
    const items = Array.from({ length: 12 }, (_, i) => ({ i, ms: i === 0 ? 1000 : 2 }))
    const order: number[] = []
    for await (const i of stream(work, items, { ...inWorkers, chunkSize: 2, ordered: false })) order.push(i)
    expect([...order].sort((a, b) => a - b)).toEqual(items.map(({ i }) => i))
    // Not even what was sent with it.
    expect(order.at(-1)).toBe(0)
  })

  it('are told of with what was run beside them, not with what was taken back', async () => {
    const chunks: { start: number; count: number }[] = []
    const items = Array.from({ length: 24 }, (_, i) => ({ i, ms: i === 0 ? 500 : 1 }))
    const hooks = {
      onChunk: ({ start, count }: { start: number; count: number }) => void chunks.push({ start, count }),
    }
    expect(await execute(work, items, { ...inWorkers, chunkSize: 12, hooks })).toEqual(items.map(({ i }) => i))
    const told = chunks.flatMap(({ start, count }) => Array.from({ length: count }, (_, k) => start + k))
    expect(told.sort((a, b) => a - b)).toEqual(items.map(({ i }) => i))
    expect(chunks).toContainEqual({ start: 0, count: 1 })
  })

  it('run once, however often what waits is taken back', async () => {
    const counting = ({ i, ms, runs }: { i: number; ms: number; runs: Int32Array }): number => {
      Atomics.add(runs, i, 1)
      const endMs = performance.now() + ms
      while (performance.now() < endMs);
      return i
    }
    for (let round = 0; round < 10; round++) {
      const runs = new Int32Array(new SharedArrayBuffer(4 * 200))
      const items = Array.from({ length: 200 }, (_, i) => ({ i, ms: i % (20 + round) === 0 ? 8 : 0.2, runs }))
      const chunked = round % 2 === 0 ? {} : { chunkSize: 60 }
      expect(await execute(counting, items, { ...inWorkers, ...chunked })).toEqual(items.map(({ i }) => i))
      expect([...runs]).toEqual(items.map(() => 1))
    }
  })

  it('do not go to and fro between workers that are about to begin', async () => {
    const items = Array.from({ length: 6 }, (_, n) => ({ n }))
    const given = function* (): Generator<{ n: number }> {
      yield* items
    }
    // A run that hands them to and fro never lets the event loop turn: the test would not end.
    for (let round = 0; round < 100; round++)
      expect(await execute(({ n }: { n: number }) => n, given(), { ...inWorkers, chunkSize: 9 })).toEqual([
        0, 1, 2, 3, 4, 5,
      ])
  })

  it.each([1, 6, 12])('may end their worker with others waiting behind them, in chunks of %i', async (chunkSize) => {
    const dies = ({ i }: { i: number }): number => {
      const endMs = performance.now() + (i === 0 ? 200 : 1)
      while (performance.now() < endMs);
      if (i === 0) process.exit(7)
      return i
    }
    const items = Array.from({ length: 12 }, (_, i) => ({ i }))
    const options = { ...inWorkers, chunkSize, onError: 'collect', retryCrashedItems: 0 } as const
    const outcomes = await execute(dies, items, options)
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(items.map(({ i }) => i !== 0))
  })
})
