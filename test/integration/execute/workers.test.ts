import { threadId } from 'node:worker_threads'
import { execute, stream, task } from 'amorsize'
import { describe, expect, it } from 'vitest'

describe('the workers of a run', () => {
  it('are free again by the time its results are there, so that the next run has them', async () => {
    const workers = new Set<number>()
    const options = { mode: 'threads', workers: 1 } as const
    await execute((n: number) => n, [1, 2, 3], { ...options, mainThread: false })
    const hooks = { onWorkerStart: ({ worker }: { worker: number }) => void workers.add(worker) }
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    for (let run = 0; run < 40; run++) {
      const results = await execute((n: number) => n * 3, numbers, { ...options, hooks })
      expect(results).toEqual(numbers.map((n) => n * 3))
    }
    expect(workers.size).toBe(1)
  })

  it('stay for the next one where its reader leaves while they are at short items', async () => {
    const threads = new Set<number>()
    const items = Array.from({ length: 200 }, (_, n) => ({ n }))
    const hooks = { onWorkerStart: ({ threadId }: { threadId: number }) => void threads.add(threadId) }
    for (let run = 0; run < 10; run++) {
      const results = stream(({ n }: { n: number }) => n, items, {
        mode: 'threads',
        workers: 1,
        mainThread: false,
        hooks,
      })
      for await (const n of results) if (n === 20) break
    }
    // A busy machine may keep one from its item for long.
    expect(threads.size).toBeLessThan(5)
  })

  it('are sent no item ahead that another thread could begin', async () => {
    const gate = task<object>(new URL('../../fixtures/tasks/gate.mjs', import.meta.url), 'passes')
    // Expected to take as long as a quarter of a chunk: however busy the machine is, the worker is not nearly through before this thread has begun.
    const options = { mode: 'threads', workers: 1, concurrency: 2, chunkSize: 1, targetChunkMs: 60_000 } as const
    const items = (count: number, wanted: number): object[] => {
      const counted = new Int32Array(new SharedArrayBuffer(4))
      return Array.from({ length: count }, () => ({ home: threadId, counted, wanted }))
    }
    // The worker starts, and has its first chunk by the next run at once.
    await execute(gate, items(20, 0), { ...options, mainThread: false })
    // The worker holds the first item until this thread has run both others.
    expect(await execute(gate, items(3, 2), options)).toEqual(['there', 'here', 'here'])
  })

  it('do as ever where a task posts what they themselves say', async () => {
    const says = (n: number): number => {
      const { parentPort } = process.getBuiltinModule('node:worker_threads')
      for (const kind of ['results', 'failed', 'unfit', 'done', 'loaded', 'echo', 'printed'])
        parentPort!.postMessage({ kind })
      setTimeout(() => parentPort!.postMessage({ kind: 'ready' }), 10)
      return n
    }
    const workers = { mode: 'threads', mainThread: false } as const
    await execute(says, [1], { ...workers, workers: 1 })
    await new Promise((resolve) => setTimeout(resolve, 200)) // it is said by another thread, and nobody answers
    const items = Array.from({ length: 40 }, (_, n) => n)
    expect(await execute(says, items, { ...workers, workers: 2, chunkSize: 1 })).toEqual(items)
  })

  it.each([
    ['numbers', Array.from({ length: 500 }, (_, n) => n)],
    ['a typed array', Float64Array.from({ length: 500 }, (_, n) => n)],
    ['texts', Array.from({ length: 500 }, (_, n) => String(n))],
  ])('tell onChunk of all they finish: %s', async (_, items: ArrayLike<unknown>) => {
    const seen: number[] = []
    const onChunk = ({ start, count }: { start: number; count: number }): void => {
      for (let index = start; index < start + count; index++) seen.push(index)
    }
    const options = { mode: 'threads', workers: 2, mainThread: false, hooks: { onChunk } } as const
    await execute((item: unknown) => item, items as unknown[], options)
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from(items, Number))
  })

  it('tell onChunk of the last chunk before the run has ended', async () => {
    const told: string[] = []
    const hooks = {
      onChunk: ({ start, count }: { start: number; count: number }) => told.push(`${start}+${count}`),
      onEnd: () => told.push('end'),
    }
    // Each item takes so long that its result is on its way before the chunk is over.
    const slow = (n: number): number => {
      const end = performance.now() + 8
      while (performance.now() < end);
      return n
    }
    const options = { mode: 'threads', workers: 1, chunkSize: 3, mainThread: false, hooks } as const
    for (let run = 0; run < 3; run++) await execute(slow, [0, 1, 2, 3, 4], options)
    expect(told).toEqual(Array<string[]>(3).fill(['0+3', '3+2', 'end']).flat())
  })

  it.each(['threads', 'serial'] as const)(
    'get what a proxy gives that has no items of its own, in mode %s',
    async (mode) => {
      const numbers = Array.from({ length: 300 }, (_, n) => n)
      const proxy = new Proxy<number[]>([], {
        get: (target, key) =>
          Reflect.get(typeof key === 'string' && /^\d+$|^length$/.test(key) ? numbers : target, key) as unknown,
      })
      const hooks = { onEnd: () => undefined }
      for (const share of [{}, { mainThread: false, chunkSize: 7 }]) {
        expect(await execute((n: number) => n * 3, proxy, { mode, workers: 1, hooks, ...share })).toEqual(
          numbers.map((n) => n * 3),
        )
      }
    },
  )

  it.each(['threads', 'serial'] as const)(
    'get the items of an array whose methods are its own, in mode %s',
    async (mode) => {
      const numbers = Array.from({ length: 300 }, (_, n) => n)
      const own = Object.assign([...numbers], { slice: () => [] })
      for (const share of [{}, { mainThread: false, chunkSize: 7 }]) {
        expect(await execute((n: number) => n * 3, own, { mode, workers: 1, hooks: {}, ...share })).toEqual(
          numbers.map((n) => n * 3),
        )
      }
    },
  )
})
