import { execute, type ScheduleOptions, stream } from 'amorsize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect } from '../support/collect.js'

/** Doubles numbers; items say how long they take, and whether they fail. */
interface Item {
  readonly n: number
  readonly fails: boolean
  readonly waits: boolean
  readonly runs: Int32Array
}

const task = (item: Item): unknown => {
  Atomics.add(item.runs, item.n, 1)
  if (item.fails) throw new RangeError(`item ${item.n}`)
  const result = { doubled: item.n * 2 }
  return item.waits ? new Promise((resolve) => setTimeout(resolve, 0, result)) : result
}

const numeric = (n: number): unknown => {
  if (n % 11 === 5) throw new RangeError(`item ${n}`)
  return n % 3 === 0 ? n / 2 : n % 3 === 1 ? undefined : n % 2 === 0 ? `text ${n}` : n > 50
}

const options = fc.record(
  {
    mode: fc.constantFrom('serial', 'async', 'threads'),
    workers: fc.integer({ min: 1, max: 3 }),
    chunkSize: fc.integer({ min: 1, max: 40 }),
    mainThread: fc.boolean(),
    targetChunkMs: fc.double({ min: 0.01, max: 20, noNaN: true }),
    sampleSize: fc.integer({ min: 1, max: 10 }),
    useCache: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<ScheduleOptions>

const shape = fc.record({
  count: fc.integer({ min: 0, max: 120 }),
  failing: fc.constantFrom(0, 3, 1),
  waiting: fc.constantFrom(0, 2, 1),
  source: fc.constantFrom('array', 'generator', 'async generator'),
})

function itemsOf(count: number, failing: number, waiting: number): Item[] {
  const runs = new Int32Array(new SharedArrayBuffer(4 * Math.max(1, count)))
  return Array.from({ length: count }, (_, n) => ({
    n,
    fails: failing > 0 && n % failing === 0,
    waits: waiting > 0 && n % waiting === 0,
    runs,
  }))
}

function from<T>(items: T[], source: string): Iterable<T> | AsyncIterable<T> {
  if (source === 'array') return items
  if (source === 'generator')
    return (function* () {
      yield* items
    })()
  return (async function* () {
    yield* items
  })()
}

describe('any input, chunking, number of workers and failures', () => {
  it('give the outcomes of the loop in order, each item run once', async () => {
    await fc.assert(
      fc.asyncProperty(shape, options, async ({ count, failing, waiting, source }, chosen) => {
        const items = itemsOf(count, failing, waiting)
        const expected = await Promise.allSettled(items.map(async (item) => task(item)))
        items[0]?.runs.fill(0)
        const outcomes = await execute(task, from(items, source), { ...chosen, onError: 'collect' })
        expect(outcomes).toEqual(expected)
        for (const { n, runs } of items) expect(runs[n]).toBe(1)
      }),
      { numRuns: 150 },
    )
  })

  it('hold for streams, ordered or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        options,
        fc.boolean(),
        fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
        async ({ count, failing, waiting, source }, chosen, ordered, batchSize) => {
          const items = itemsOf(count, failing, waiting)
          const expected = await Promise.allSettled(items.map(async (item) => task(item)))
          items[0]?.runs.fill(0)
          const outcomes = await collect(
            stream(task, from(items, source), { ...chosen, ordered, batchSize, onError: 'collect' }),
          )
          if (!ordered) outcomes.sort((a, b) => a.index - b.index)
          expect(outcomes).toEqual(expected.map((outcome, index) => ({ ...outcome, index })))
          for (const { n, runs } of items) expect(runs[n]).toBe(1)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('hold for numbers in shared memory, whatever the results are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3000 }), fc.boolean(), options, async (count, isTyped, chosen) => {
        const items = Array.from({ length: count }, (_, n) => n)
        const expected = await Promise.allSettled(items.map(async (n) => numeric(n)))
        const outcomes = await execute(numeric, isTyped ? Int32Array.from(items) : items, {
          ...chosen,
          onError: 'collect',
        })
        expect(outcomes).toEqual(expected)
      }),
      { numRuns: 80 },
    )
  })

  it('end a failing run with an error that the loop would have met', async () => {
    await fc.assert(
      fc.asyncProperty(shape, options, async ({ count, failing, waiting, source }, chosen) => {
        const items = itemsOf(count, failing, waiting)
        const running = execute(task, from(items, source), chosen)
        if (failing === 0 || count === 0) expect(await running).toEqual(items.map(({ n }) => ({ doubled: n * 2 })))
        else await expect(running).rejects.toThrow(RangeError)
        for (const { n, runs } of items) expect(runs[n]).toBeLessThanOrEqual(1)
      }),
      { numRuns: 60 },
    )
  })
})
