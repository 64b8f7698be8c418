import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { stream } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { collect } from '../../support/collect.js'

function* endless(drawn: { count: number }): Generator<number> {
  for (;;) yield drawn.count++
}

describe('stream', () => {
  it('yields results in order by default, as they come on request', async () => {
    const task = (n: number): Promise<number> => sleep(20 - 5 * n, n)
    expect(await collect(stream(task, [0, 1, 2, 3]))).toEqual([0, 1, 2, 3])
    const asTheyCome = await collect(stream(task, [0, 1, 2, 3], { ordered: false, workers: 4, mode: 'async' }))
    expect(asTheyCome).toEqual([3, 2, 1, 0])
  })

  it('goes on for four rounds while the reader waits for one item', async () => {
    let begun = 0
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const task = async (n: number): Promise<number> => {
      if (++begun === 16) open()
      if (n === 0) await gate
      return n
    }
    const items = Array.from({ length: 40 }, (_, n) => n)
    expect(await collect(stream(task, items, { mode: 'async', workers: 4 }))).toEqual(items)
  })

  it('draws from the source only as fast as results are taken, and ends with the loop', async () => {
    const drawn = { count: 0 }
    let read = 0
    for await (const result of stream((n: number) => n, endless(drawn))) {
      expect(result).toBe(read)
      if (++read === 1000) break
      expect(drawn.count).toBeLessThanOrEqual(read + 20)
    }
    expect(read).toBe(1000)
  })

  it('is over for good once it has been left, also after its source has failed', async () => {
    const results = stream(
      (n: number) => n,
      (function* () {
        yield 1
        throw new Error('source failed')
      })(),
    )
    expect(await results.next()).toEqual({ done: false, value: 1 })
    await sleep(5, undefined)
    expect(await results.return?.('left')).toEqual({ done: true, value: 'left' })
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  it('keeps within batchSize, whatever overlaps', async () => {
    const drawn = { count: 0 }
    let read = 0
    for await (const result of stream((n: number) => sleep(1, n), endless(drawn), { batchSize: 10 })) {
      expect(result).toBe(read++)
      expect(drawn.count).toBeLessThanOrEqual(read + 10)
      if (read === 100) break
    }
  })

  it('hands workers many items of an asynchronous source at a time', async () => {
    // In microtasks, as the lines of a file come.
    async function* numbers() {
      for (let n = 0; n < 20_000; n++) yield n
    }
    for (const mainThread of [false, true]) {
      let chunks = 0
      const hooks = { onChunk: () => (chunks += 1) }
      const options = { mode: 'threads', workers: 1, mainThread, hooks } as const
      let sum = 0
      for await (const n of stream((one: number) => one + 1, numbers(), options)) sum += n
      expect(sum).toBe((20_000 * 20_001) / 2)
      expect(chunks).toBeLessThan(1000)
    }
  })

  it.each(['serial', 'async', 'threads'] as const)(
    'begins what is there though no more comes, in mode %s',
    async (mode) => {
      const answers = new EventEmitter()
      // Each waits from the start: a result may be there before its source is asked for more.
      const answered = Array.from({ length: 20 }, (_, n) => once(answers, String(2 * n)))
      async function* questions() {
        for (let n = 0; n < 20; n++) {
          yield n
          // The next one depends on the result.
          await answered[n]
        }
      }
      const results: number[] = []
      for await (const n of stream((one: number) => one * 2, questions(), { mode })) {
        results.push(n)
        setTimeout(() => answers.emit(String(n)), 0)
      }
      expect(results).toEqual(Array.from({ length: 20 }, (_, n) => 2 * n))
    },
  )

  it.each([
    { mode: 'serial' },
    { mode: 'async' },
    {},
    { mode: 'threads', mainThread: false },
    { onError: 'collect' },
  ] as const)('gives the results of what came before its source failed, with %o', async (options) => {
    const failure = new Error('source')
    function* sync() {
      for (let n = 0; n < 20; n++) yield n
      throw failure
    }
    async function* asynchronous() {
      yield* sync()
    }
    for (const source of [sync(), asynchronous()]) {
      let count = 0
      const reading = async (): Promise<void> => {
        const task = (n: number) => new Promise((resolve) => setTimeout(resolve, 1, n))
        for await (const result of stream(task, source, options)) if (result !== undefined) count++
      }
      await expect(reading()).rejects.toBe(failure)
      expect(count).toBe(20)
    }
  })

  it("fails after what came before, with the item's own error", async () => {
    const error = new Error('three')
    const results: number[] = []
    const reading = (async () => {
      for await (const result of stream(
        (n: number) => {
          if (n === 3) throw error
          return n
        },
        [0, 1, 2, 3, 4],
      ))
        results.push(result)
    })()
    await expect(reading).rejects.toBe(error)
    expect(results).toEqual([0, 1, 2])
  })

  it('yields settled records with their index on request', async () => {
    const task = (n: number): number => {
      if (n === 1) throw n
      return n
    }
    expect(await collect(stream(task, [0, 1, 2], { onError: 'collect' }))).toEqual([
      { status: 'fulfilled', value: 0, index: 0 },
      { status: 'rejected', reason: 1, index: 1 },
      { status: 'fulfilled', value: 2, index: 2 },
    ])
  })

  it('refuses bad input at once', () => {
    expect(() => stream((n: number) => n, [1], { batchSize: 0 })).toThrow(RangeError)
    expect(() => stream((n: number) => n, [1], { batchSize: 'big' as never })).toThrow(/or 'auto'/)
    expect(() => stream((n: number) => n, 5 as never)).toThrow(TypeError)
    for (const task of [5, null, {}, { url: './tasks.mjs' }, { url: import.meta.url, export: 5 }])
      expect(() => stream(task as never, [1])).toThrow(TypeError)
  })

  it('ends when its signal is aborted', async () => {
    const controller = new AbortController()
    const reading = collect(stream(() => sleep(60_000, 1, { ref: false }), [1, 2], { signal: controller.signal }))
    setTimeout(() => controller.abort(new Error('enough')), 10)
    await expect(reading).rejects.toThrow('enough')
  })

  it.each([
    { items: 100, ordered: true },
    { items: 1e6, ordered: true },
    { items: 1e6, ordered: false },
  ])('gives no result that was ready when its signal was aborted, over or not: %o', async ({ items, ordered }) => {
    const controller = new AbortController()
    const results = stream((n: number) => 2 * n, Array<number>(items).fill(1), {
      mode: 'serial',
      ordered,
      signal: controller.signal,
    })
    await results.next()
    await sleep(20)
    controller.abort('enough')
    await expect(results.next()).rejects.toBe('enough')
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  it('is at its end as ever when its signal is aborted after that', async () => {
    const controller = new AbortController()
    const results = stream((n: number) => 2 * n, [1], { signal: controller.signal })
    expect(await results.next()).toEqual({ done: false, value: 2 })
    await sleep(1)
    controller.abort('late')
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  it('ends for a reader that leaves before the run has begun', async () => {
    let closed = false
    let drawn = 0
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: ++drawn > 1e5, value: 1 }),
        return: () => {
          closed = true
          return { done: true, value: undefined }
        },
      }),
    }
    const iterator = stream((n: number) => n, source as Iterable<number>)
    const first = iterator.next()
    await iterator.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
    expect(closed).toBe(true)
  })

  it('closes the source of a reader that leaves', async () => {
    let closed = false
    const source = (function* () {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        closed = true
      }
    })()
    const iterator = stream((n: number) => n, source)
    await iterator.next()
    expect(await iterator.return?.('left')).toEqual({ done: true, value: 'left' })
    expect(closed).toBe(true)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })
})
