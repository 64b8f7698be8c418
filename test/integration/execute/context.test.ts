import { AsyncLocalStorage } from 'node:async_hooks'
import { execute, optimize, stream, task } from 'amorsize'
import { describe, expect, it } from 'vitest'

const storage = new AsyncLocalStorage<string>()
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const busy = (n: number): number => {
  const endMs = performance.now() + 1
  while (performance.now() < endMs);
  return n
}

/** Runs two at a time, as alice and as bob, and gives what each has seen of itself. */
async function both(run: (see: (where: string) => void) => Promise<unknown>): Promise<void> {
  const asOne = (name: string): Promise<void> =>
    storage.run(name, async () => {
      const seen = new Map<string, Set<string | undefined>>()
      const see = (where: string): void => {
        const names = seen.get(where) ?? new Set()
        seen.set(where, names.add(storage.getStore()))
      }
      await run(see)
      see('after')
      for (const [where, names] of seen) expect([where, ...names]).toEqual([where, name])
    })
  await Promise.all([asOne('alice'), asOne('bob')])
}

function listening(see: (where: string) => void): object {
  const hooks = Object.fromEntries(
    ['onStart', 'onWorkerStart', 'onWorkerExit', 'onChunk', 'onItemError', 'onProgress', 'onEnd'].map((name) => [
      name,
      () => see(name),
    ]),
  )
  return { hooks, onProgress: () => see('progress'), onError: 'collect' }
}

describe('a run is in the context of its caller', () => {
  it.each([2, 4, 40])('as its %i items are looked at after it, though the next call is of another', async (count) => {
    const seen = new Set<string | undefined>()
    const item = {
      get steps() {
        seen.add(storage.getStore())
        return 2
      },
    }
    // The item is not read by the task: only who measures the run does.
    const run = storage.run('alice', () =>
      execute(() => busy(2), new Array<unknown>(count).fill(item), { mode: 'serial' }),
    )
    await run
    await storage.run('bob', () => execute(busy, [1, 2]))
    await new Promise((resolve) => setImmediate(resolve))
    expect([...seen]).toEqual(['alice'])
  })

  it('as it waits', () =>
    both((see) =>
      execute(
        async (n: number) => {
          see('item')
          await sleep(n % 3)
          see('item later')
          if (n === 5) throw new Error('five')
        },
        Array.from({ length: 300 }, (_, i) => i),
        listening(see),
      ),
    ))

  it('as workers tell of items, which see nothing of it', () =>
    both(async (see) => {
      const items = Array.from({ length: 60 }, (_, i) => ({ i }))
      const work = ({ i }: { i: number }): number => {
        const endMs = performance.now() + 1
        while (performance.now() < endMs);
        if (i === 5) throw new Error('five')
        return i
      }
      const options = { mode: 'threads', workers: 1, chunkSize: 5, ...listening(see) } as const
      expect(await execute(work, items, options)).toHaveLength(60)
    }))

  it('as items are degraded, and workers die', () =>
    both(async (see) => {
      const work = ({ i }: { i: number }): void => {
        if (i === 3) process.exit(1)
        if (i === 5) throw new Error('five')
      }
      const options = {
        mode: 'threads',
        workers: 1,
        degrade: 'serial',
        onDegraded: () => see('onDegraded'),
        ...listening(see),
      } as const
      await execute(
        work,
        Array.from({ length: 10 }, (_, i) => ({ i })),
        options,
      )
    }))

  it('as sources are drawn from, and streams read by somebody else', () =>
    both(async (see) => {
      async function* source(): AsyncGenerator<number> {
        for (let i = 0; i < 100; i++) {
          see('source')
          yield i
          if (i % 10 === 0) await sleep(1)
        }
      }
      const results = stream(
        async (n: number) => {
          see('item')
          await sleep(1)
          return n
        },
        source(),
        { batchSize: 4 },
      )
      await storage.run('reader', async () => {
        for await (const result of results) expect([result, storage.getStore()]).toEqual([result, 'reader'])
      })
      const plain = stream(
        (n: number) => {
          see('item')
          return n
        },
        Array.from({ length: 5000 }, (_, i) => i).values(),
      )
      await storage.run('reader', async () => {
        for await (const result of plain) expect([result, storage.getStore()]).toEqual([result, 'reader'])
      })
    }))

  it('as somebody else aborts it', () =>
    both(async (see) => {
      const controller = new AbortController()
      function* source(): Generator<number> {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          see('close')
        }
      }
      const run = execute(() => sleep(1), source(), { signal: controller.signal, ...listening(see) })
      storage.run('other', () => setTimeout(() => controller.abort(), 10))
      await run.catch(() => see('catch'))
    }))

  it('as a plan is made and run', () =>
    both(async (see) => {
      const plan = await optimize(
        async (n: number) => {
          see('item')
          await sleep(1)
          return n
        },
        Array.from({ length: 200 }, (_, i) => i),
      )
      await plan.run()
    }))

  it('as this thread works beside workers', () =>
    both(async (see) => {
      const items = Array.from({ length: 200 }, (_, i) => i)
      await execute(
        (n: number) => {
          see('item')
          return busy(n)
        },
        items,
        { workers: 1 },
      )
    }))
})

it('an item in a worker sees no context, nor that of items before it', async () => {
  const url = new URL('../../fixtures/context-task.mjs', import.meta.url)
  const items = Array.from({ length: 20 }, (_, i) => ({ i }))
  const options = { mode: 'threads', workers: 1, mainThread: false, chunkSize: 1 } as const
  const seen = await storage.run('alice', () => execute(task(url, 'enter'), items, options))
  expect(seen).toEqual(items.map(() => null))
})
