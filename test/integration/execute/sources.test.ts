import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { execute, optimize, stream } from 'amorsize'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const busy = (n: number): number => {
  const endMs = performance.now() + 2
  while (performance.now() < endMs);
  return n
}
const later = (n: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, 1, n))
const tasks: [string, (n: number) => unknown, object][] = [
  ['in the loop', (n: number) => n, { mode: 'serial' }],
  ['several at once', later, { mode: 'async' }],
  [
    'in workers',
    (n: number): number => {
      const endMs = performance.now() + 2
      while (performance.now() < endMs);
      return n
    },
    { mode: 'threads', workers: 1 },
  ],
]

const uncaught: unknown[] = []
const warnings: Error[] = []
const note = (error: unknown): unknown => uncaught.push(error)
const warn = (warning: Error): unknown => warnings.push(warning)

beforeEach(() => {
  uncaught.length = warnings.length = 0
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  process.on('warning', warn)
})

afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('uncaughtException', note)
  process.off('unhandledRejection', note)
  process.off('warning', warn)
  expect(uncaught).toEqual([])
})

/** The run settles soon. */
async function outcome(run: Promise<unknown>): Promise<unknown> {
  const late = new Promise((resolve) => setTimeout(resolve, 5000, 'never').unref())
  return Promise.race([run.then(() => 'done'), late]).catch((error: unknown) => error)
}

describe.each(tasks)('a source of items that run %s', (_, task, options) => {
  it('may abort its own run', async () => {
    for (const at of [0, 1, 7]) {
      const controller = new AbortController()
      const reason = new Error(`at ${at}`)
      let isClosed = false
      function* source(): Generator<number> {
        try {
          for (let i = 0; ; i++) {
            if (i === at) controller.abort(reason)
            yield i
          }
        } finally {
          isClosed = true
        }
      }
      const run = execute(task as (n: number) => number, source(), { ...options, signal: controller.signal })
      expect(await outcome(run)).toBe(reason)
      expect(isClosed).toBe(true)
    }
    // No worker is held by a run that is over.
    expect(await outcome(execute(task as (n: number) => number, [1, 2, 3], options))).toBe('done')
  })

  it('may abort its own run from an asynchronous generator', async () => {
    const controller = new AbortController()
    async function* source(): AsyncGenerator<number> {
      yield later(0)
      yield later(1)
      controller.abort(new Error('enough'))
      yield 2
    }
    const run = execute(task as (n: number) => number, source(), { ...options, signal: controller.signal })
    expect(await outcome(run)).toMatchObject({ message: 'enough' })
  })

  it("may fail to close, or never do it: the item's own error is heard", async () => {
    const error = new Error('item')
    const ways = {
      throws: () => {
        throw new Error('close')
      },
      rejects: () => Promise.reject(new Error('close')),
      hangs: () => new Promise(() => undefined),
      'gives nothing of use': () => ({
        get then() {
          throw new Error('close')
        },
      }),
    }
    for (const [way, close] of Object.entries(ways)) {
      for (const isAsync of [false, true]) {
        let i = 0
        const next = (): unknown => {
          const result = { done: false, value: i++ }
          return isAsync ? Promise.resolve(result) : result
        }
        const source = {
          [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => ({ next, return: close }),
        } as unknown as Iterable<number>
        const fails = Object.assign(
          options['mode' as never] === 'threads'
            ? (n: number) => {
                if (n === 3) throw new Error('item')
                return n
              }
            : (n: number) => {
                if (n === 3) throw error
                return task(n)
              },
        )
        expect(await outcome(execute(fails as (n: number) => number, source, options)), way).toMatchObject({
          message: 'item',
        })
      }
    }
    await later(0)
    expect(warnings.map(({ message }) => message).join()).toMatch(/return\(\) of the items failed/)
  })

  it('may be no good iterator', async () => {
    for (const given of [undefined, 1]) {
      for (const symbol of [Symbol.iterator, Symbol.asyncIterator]) {
        const source = { [symbol]: () => ({ next: () => given }) } as unknown as Iterable<number>
        expect(await outcome(execute(task as (n: number) => number, source, options))).toBeInstanceOf(TypeError)
      }
    }
  })
})

it('a source may ask for results of its own stream', async () => {
  let reading: Promise<unknown> | undefined
  function* source(): Generator<number> {
    for (let i = 0; i < 100; i++) {
      if (i === 10) reading = results.next()
      yield i
    }
  }
  const results = stream((n: number) => n, source())
  const all: number[] = []
  for await (const result of results) all.push(result)
  expect(await reading).toMatchObject({ done: false })
  expect(all).toHaveLength(99)
})

it('an array may abort its own run where it is read', async () => {
  const controller = new AbortController()
  const ran: number[] = []
  const items = [0, 1, 2, 3, 4]
  Object.defineProperty(items, 3, {
    get: () => {
      controller.abort(new Error('read'))
      return 3
    },
  })
  const task = (n: number): Promise<number> => later(ran.push(n))
  expect(await outcome(execute(task, items, { signal: controller.signal, mode: 'async', workers: 5 }))).toMatchObject({
    message: 'read',
  })
  expect(ran).not.toContain(4)
})

it('a stream that is left closes its source last, and once', async () => {
  let closed = 0
  async function* source(): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) yield later(i)
    } finally {
      closed++
    }
  }
  for await (const result of stream(busy, source())) if (result === 5) break
  await later(0)
  await later(0)
  expect(closed).toBe(1)
})

describe('a stream of Node', () => {
  const program = 'await new Promise((resolve) => setTimeout(resolve, 100)); export default (part) => part.length'
  let tasks = 0
  /** Its module is still to be imported. */
  const newTask = (): { url: string; export: string } => ({
    url: `data:text/javascript,${program} // ${String(tasks++)}`,
    export: 'default',
  })

  it.each<[string, (items: Readable) => Promise<unknown>]>([
    ['execute', (items) => execute(newTask(), items)],
    ['stream', (items) => stream(newTask(), items).next()],
    ['optimize', (items) => optimize(newTask(), items)],
  ])('fails the run, and not the process, by an error that comes before the run reads it: %s', async (_, run) => {
    const items = createReadStream('/there/is/no/such/file')
    expect(await outcome(run(items))).toMatchObject({ code: 'ENOENT' })
    expect(items.destroyed).toBe(true)
  })

  it.each<[string, (items: Readable, signal: AbortSignal) => Promise<unknown>]>([
    ['execute', (items, signal) => execute(newTask(), items, { signal })],
    ['execute with a function', (items, signal) => execute(String, items, { signal, onProgress: () => undefined })],
    ['stream', (items, signal) => stream(newTask(), items, { signal }).next()],
    ['optimize', (items, signal) => optimize(newTask(), items, { signal })],
  ])('is destroyed when the run ends before it reads it: %s', async (_, run) => {
    for (const isLate of [false, true]) {
      const controller = new AbortController()
      const items = new Readable({ objectMode: true, read: () => undefined })
      if (!isLate) controller.abort(new Error('gone'))
      const ended = outcome(run(items, controller.signal))
      if (isLate) controller.abort(new Error('gone'))
      expect(await ended).toMatchObject({ message: 'gone' })
      expect(items.destroyed).toBe(true)
    }
  })

  it('is destroyed when the run ends while it waits for the next item', async () => {
    const runs: ((items: Readable, signal: AbortSignal) => Promise<unknown>)[] = [
      (items, signal) => execute((n: number) => n, items, { signal }),
      async (items, signal) => {
        const results = stream((n: number) => n, items, { signal })
        for (let i = 0; i < 2; i++) await results.next()
      },
      (items, signal) => optimize((n: number) => n, items, { signal }),
    ]
    for (const run of runs) {
      const controller = new AbortController()
      const items = new Readable({ objectMode: true, read: () => undefined })
      items.push(1)
      const ended = outcome(run(items, controller.signal))
      setTimeout(() => controller.abort(new Error('gone')), 50)
      expect(await ended).toMatchObject({ message: 'gone' })
      expect(items.destroyed).toBe(true)
    }
  })

  it('is left as a loop leaves it', async () => {
    const [looped, items] = [Readable.from([1, 2, 3]), Readable.from([1, 2, 3])]
    expect(await execute((n: number) => n, items)).toEqual(await looped.toArray())
    expect(items.listenerCount('error')).toBe(looped.listenerCount('error'))
  })
})

it('a web stream is cancelled, though it is silent, and read to its end it is free again', async () => {
  let cancelled: unknown = 'not yet'
  const silent = new ReadableStream<number>({
    start: (controller) => controller.enqueue(1),
    cancel: (reason) => void (cancelled = reason),
  })
  const controller = new AbortController()
  const ended = outcome(execute((n: number) => n, silent, { signal: controller.signal }))
  setTimeout(() => controller.abort(new Error('gone')), 50)
  expect(await ended).toMatchObject({ message: 'gone' })
  await later(0)
  expect([cancelled, silent.locked]).toEqual([undefined, false])

  const whole = new ReadableStream<number>({
    start(source) {
      for (const n of [1, 2, 3]) source.enqueue(n)
      source.close()
    },
  })
  expect(await execute((n: number) => n, whole)).toEqual([1, 2, 3])
  expect(whole.locked).toBe(false)
  const failing = new ReadableStream<number>({ start: (source) => source.error(new Error('broken')) })
  expect(await outcome(execute((n: number) => n, failing))).toMatchObject({ message: 'broken' })
  expect(failing.locked).toBe(false)
})

it('a web stream that is iterated in its own way is taken so', async () => {
  class Letters extends ReadableStream<number> {
    override async *[Symbol.asyncIterator](): AsyncGenerator<never> {
      for await (const n of this.values()) yield String.fromCharCode(96 + n) as never
    }
  }
  const letters = new Letters({
    start(source) {
      for (const n of [1, 2, 3]) source.enqueue(n)
      source.close()
    },
  })
  expect(await execute((letter: unknown) => letter, letters)).toEqual(['a', 'b', 'c'])
})

describe('a signal', () => {
  it("is heard while the task's module is imported", async () => {
    const url =
      'data:text/javascript,await new Promise((resolve) => setTimeout(resolve, 3000)); export default (n) => n'
    const ways = [
      (signal: AbortSignal) => execute({ url, export: 'default' }, [1, 2], { signal }),
      (signal: AbortSignal) => execute({ url, export: 'default' }, [1, 2], { signal, onProgress: () => undefined }),
      (signal: AbortSignal) => stream({ url, export: 'default' }, [1, 2], { signal }).next(),
      (signal: AbortSignal) => optimize({ url, export: 'default' }, [1, 2], { signal }),
    ]
    for (const way of ways) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(new Error('gone')), 10)
      const startedMs = performance.now()
      expect(await outcome(way(controller.signal))).toMatchObject({ message: 'gone' })
      expect(performance.now() - startedMs).toBeLessThan(2000)
    }
  })

  it('is heard while a plan waits for its first item', async () => {
    const controller = new AbortController()
    let isClosed = false
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: () => Promise.resolve({ done: true as const, value: (isClosed = true) }),
      }),
    }
    setTimeout(() => controller.abort(new Error('gone')), 10)
    expect(await outcome(optimize((n: number) => n, source, { signal: controller.signal }))).toMatchObject({
      message: 'gone',
    })
    expect(isClosed).toBe(true)
  })
})
