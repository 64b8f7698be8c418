import { readFile } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  execute,
  optimize,
  RateLimiter,
  type RunHooks,
  type ScheduleOptions,
  stream,
  task,
  type TaskReference,
  withRetry,
} from 'amorsize'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { collect } from '../../support/collect.js'

const double = (n: number): number => n * 2

function* numbers(count: number, drawn: number[] = []): Generator<number> {
  for (let i = 0; i < count; i++) {
    drawn.push(i)
    yield i
  }
}

async function* numbersLater(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) {
    if (i % 3 === 0) await sleep(1)
    yield i
  }
}

afterEach(() => vi.restoreAllMocks())

describe('execute', () => {
  it.each([0, 1, 2, 5, 1000])('gives the results of %i items in order, from any kind of source', async (count) => {
    const expected = Array.from({ length: count }, (_, i) => i * 2)
    expect(
      await execute(
        double,
        Array.from({ length: count }, (_, i) => i),
      ),
    ).toEqual(expected)
    expect(
      await execute(
        double,
        Float64Array.from({ length: count }, (_, i) => i),
      ),
    ).toEqual(expected)
    expect(await execute(double, numbers(count))).toEqual(expected)
    expect(await execute(double, new Set(numbers(count)))).toEqual(expected)
    expect(await execute(double, numbersLater(Math.min(count, 50)))).toEqual(expected.slice(0, 50))
  })

  it.each(['serial', 'async'] as const)('gives them in mode %s, also from promises', async (mode) => {
    const later = async (n: number): Promise<number> => {
      await sleep(n % 3)
      return n * 2
    }
    const items = Array.from({ length: 40 }, (_, i) => i)
    expect(await execute(later, items, { mode })).toEqual(items.map(double))
    expect(await execute(double, items, { mode })).toEqual(items.map(double))
  })

  it('runs every item once, also when only some of them return promises', async () => {
    const runs = new Map<number, number>()
    const results = await execute((n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      return n % 7 === 3 ? sleep(2, n) : n
    }, numbers(500))
    expect(results).toEqual([...numbers(500)])
    expect([...runs.values()].every((times) => times === 1)).toBe(true)
    expect(runs.size).toBe(500)
  })

  it('runs no two long items in one turn of the event loop, wherever it was called from', async () => {
    let turn = 0
    const turns = setInterval(() => turn++, 1)
    const long = (): number => {
      const endMs = performance.now() + 6
      while (performance.now() < endMs);
      return turn
    }
    const ran = await new Promise<number[]>((resolve, reject) => {
      // What reads a file is called from the poll phase, which the check phase of the same turn follows.
      readFile(new URL(import.meta.url), () => {
        execute(long, Array.from({ length: 5 }), { mainThread: true }).then(resolve, reject)
      })
    })
    clearInterval(turns)
    expect(new Set(ran).size).toBe(5)
  })

  it('puts off what is known to be long where another call has taken the turn, and no longer what has turned out to be short', async () => {
    const busy = (ms: number): void => {
      const endMs = performance.now() + ms
      while (performance.now() < endMs);
    }
    let ms = 6
    let ran = 0
    const call = (): number => {
      busy(ms)
      return ++ran
    }
    /** Whether a call runs its item before it returns, though another has taken the turn. */
    const isRunAtOnce = async (): Promise<boolean> => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      void execute(() => busy(6), [0])
      const before = ran
      const called = execute(call, [0], { mainThread: true })
      const hasRun = ran > before
      await called
      return hasRun
    }
    // Nothing is known of it at first.
    expect([await isRunAtOnce(), await isRunAtOnce()]).toEqual([true, false])
    ms = 0
    expect(await isRunAtOnce()).toBe(false)
    // That was a short one: the next is known to be short, or the one after it, where the machine has kept this thread from its core for so long.
    expect([await isRunAtOnce(), await isRunAtOnce(), await isRunAtOnce()]).toContain(true)
  })

  it('ends where the array ends by then, if items shorten it', async () => {
    const items = Array.from({ length: 100 }, (_, n) => n)
    const shorten = async (n: number): Promise<number> => {
      items.splice(-2)
      return Promise.resolve(n)
    }
    expect(await execute(shorten, items)).toEqual(Array.from({ length: 34 }, (_, n) => n))
  })

  it('keeps what has run of an array that an item shortens, and leaves no holes', async () => {
    const shortening = (left: number, waits: boolean): [(n: number) => unknown, number[]] => {
      const items = Array.from({ length: 10 }, (_, n) => n)
      return [
        (n) => {
          items.length = Math.min(items.length, left)
          return waits ? sleep(1, n) : n
        },
        items,
      ]
    }
    expect(await execute(...shortening(0, false))).toEqual([0])
    expect(await execute(...shortening(2, true))).toEqual([0, 1])
    expect(await execute(...shortening(2, false), { hooks: { onEnd: () => undefined } })).toEqual([0, 1])
  })

  it.each([0, 1, 7, 100, 999])(
    'goes with an array that item %i shortens or lengthens, as a loop would, while it runs within the call',
    async (at) => {
      // All of it within the call: a lane that goes on later has taken some items already, and runs those.
      vi.spyOn(performance, 'now').mockReturnValue(performance.now())
      for (const length of [at + 1, at + 3, 1000, 1003, 5000]) {
        const seen: number[] = []
        const items = Array.from({ length: 1000 }, (_, n) => n)
        const results = await execute((n: number | undefined) => {
          const index = seen.push(n!) - 1
          if (index === at) {
            const before = items.length
            items.length = length
            if (length > before) items.fill(7, before)
          }
          return index
        }, items)
        expect(seen).toEqual(items)
        expect(results).toEqual(items.map((_, index) => index))
      }
    },
  )

  it('begins once what begins with each then, such as a query', async () => {
    const begun: number[] = []
    const query = (n: number): PromiseLike<number> => ({
      then: (resolve, reject) => {
        begun.push(n)
        return (n === 0 ? Promise.resolve(n) : sleep(2, n)).then(resolve, reject)
      },
    })
    for (const items of [
      [0, 1, 2, 3],
      [1, 2, 3],
    ]) {
      begun.length = 0
      expect(await execute(query, items)).toEqual(items)
      expect(begun).toEqual(items)
    }
  })

  it('lets items that wait overlap', async () => {
    const startedMs = performance.now()
    await execute(() => sleep(20), numbers(100))
    expect(performance.now() - startedMs).toBeLessThan(1200) // the loop takes 2000
  })

  it('rejects with the own error of the first item that fails, and runs no more', async () => {
    class Mine extends Error {}
    const error = new Mine('no')
    let runs = 0
    const task = (n: number): number => {
      runs++
      if (n === 3) throw error
      return n
    }
    await expect(execute(task, [...numbers(100)])).rejects.toBe(error)
    expect(runs).toBe(4)
    await expect(execute(async (n: number) => task(n), [...numbers(100)])).rejects.toBe(error)
    await expect(execute(task, numbersLater(20))).rejects.toBe(error)
    await expect(execute(() => Promise.reject(null), [1])).rejects.toBe(null)
  })

  it('collects outcomes as Promise.allSettled does', async () => {
    const task = (n: number): number => {
      if (n % 2 === 1) throw n
      return n
    }
    const expected = await Promise.allSettled([...numbers(10)].map(async (n) => task(n)))
    expect(await execute(task, numbers(10), { onError: 'collect' })).toEqual(expected)
    expect(await execute(async (n: number) => task(n), [...numbers(10)], { onError: 'collect' })).toEqual(expected)
  })

  it('closes a generator that it does not finish', async () => {
    const drawn: number[] = []
    let closed = false
    const source = (function* () {
      try {
        yield* numbers(100, drawn)
      } finally {
        closed = true
      }
    })()
    await expect(
      execute((n: number) => {
        if (n === 2) throw new Error('stop')
        return n
      }, source),
    ).rejects.toThrow('stop')
    expect(closed).toBe(true)
    expect(drawn.length).toBeLessThan(10)
  })

  it('draws an async source ahead of its reader, and not further than batchSize', async () => {
    const drawn: number[] = []
    const source = (async function* () {
      yield* numbers(1000, drawn)
    })()
    const reader = stream(double, source, { batchSize: 20 })
    for (let read = 1; read <= 30; read++) {
      expect(await reader.next()).toEqual({ done: false, value: 2 * (read - 1) })
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
      expect(drawn.length).toBeLessThanOrEqual(read + 20)
    }
    // One by one, it would be no further than what has been read.
    await expect.poll(() => drawn.length).toBeGreaterThan(31)
    await reader.return?.()
  })

  it('passes on what the source throws', async () => {
    const source = (function* () {
      yield 1
      throw new RangeError('source')
    })()
    await expect(execute(double, source)).rejects.toThrow(RangeError)
  })

  it('fails when an item has aborted it, though it was the last', async () => {
    const byItem = new AbortController()
    const reason = new Error('by the item')
    const abort = (n: number): number => {
      byItem.abort(reason)
      return n
    }
    await expect(execute(abort, [1], { signal: byItem.signal })).rejects.toBe(reason)
  })

  it('ends at once when its signal is aborted', async () => {
    const reason = new Error('enough')
    await expect(execute(double, [1], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const running = execute(() => sleep(60_000, 1, { ref: false }), [1, 2, 3], { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 10)
    await expect(running).rejects.toBe(reason)
  })

  it.each([{}, { mode: 'async' }, { onError: 'collect' }] satisfies ScheduleOptions[])(
    'ends when its first item or a hook aborts it, with %o',
    async (options) => {
      const byItem = new AbortController()
      const abortAndWait = (): Promise<never> => {
        byItem.abort(new Error('by the item'))
        return new Promise(() => undefined)
      }
      await expect(execute(abortAndWait, [1, 2], { ...options, signal: byItem.signal })).rejects.toThrow('by the item')
      const byHook = new AbortController()
      const hooks = { onStart: () => byHook.abort(new Error('by the hook')) }
      const wait = (): Promise<never> => new Promise(() => undefined)
      await expect(execute(wait, [1, 2], { ...options, hooks, signal: byHook.signal })).rejects.toThrow('by the hook')
    },
  )

  it('limits the time of an item', async () => {
    // What has settled at once cannot be late, however busy the machine is.
    const task = (n: number): Promise<number> => (n < 60_000 ? Promise.resolve(n) : sleep(n, n, { ref: false }))
    const outcomes = await execute(task, [1, 60_000, 2], { timeoutMs: 40, onError: 'collect' })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 40 })
  })

  it('tells its hooks', async () => {
    const told: string[] = []
    const hooks: RunHooks = {
      onStart: ({ total }) => told.push(`start ${String(total)}`),
      onItemError: ({ index, item, attempts }) => told.push(`error ${index} ${String(item)} ${attempts}`),
      onEnd: ({ completed, failed, mode }) => told.push(`end ${completed} ${failed} ${mode}`),
    }
    const task = (n: number): number => {
      if (n === 1) throw new Error('one')
      return n
    }
    await execute(task, [0, 1, 2], { hooks, onError: 'collect' })
    expect(told).toEqual(['start 3', 'error 1 1 1', 'end 2 1 serial'])
  })
})

describe('bad input is refused before any item runs', () => {
  const never = (): never => {
    throw new Error('ran')
  }
  it.each([
    ['a task that is no function', 5, [1], undefined, TypeError, /task must be a function/],
    ['items that cannot be iterated', never, 5, undefined, TypeError, /items must be an array/],
    [
      'what is the other way round',
      [1],
      never,
      undefined,
      TypeError,
      /items must be an array.* \(the task comes before them\)$/,
    ],
    [
      'a generator that is not called',
      never,
      numbers,
      undefined,
      TypeError,
      /items must be an array.* \(call it: what it returns is iterable\)$/,
    ],
    ['a string for items', never, 'abc', undefined, TypeError, /items must be an array/],
    ['workers 0', never, [1], { workers: 0 }, RangeError, /workers must be an integer >= 1; received 0/],
    ['concurrency 0', never, [1], { concurrency: 0 }, RangeError, /^concurrency must be an integer >= 1; received 0/],
    ['concurrency NaN', never, [1], { concurrency: NaN, workers: 2 }, RangeError, /^concurrency .*; received NaN/],
    ['concurrency 1.5', never, [1], { concurrency: 1.5 }, RangeError, /^concurrency .*; received 1\.5/],
    ['concurrency Infinity', never, [1], { concurrency: Infinity }, RangeError, /^concurrency .*; received Infinity/],
    ['concurrency in quotes', never, [1], { concurrency: '4' }, TypeError, /^concurrency .*; received "4" \(string\)/],
    ['chunkSize 0', never, [1], { chunkSize: 0 }, RangeError, /chunkSize/],
    [
      'an unknown option',
      never,
      [1],
      { worker: 2 },
      TypeError,
      /unknown execute option 'worker'.*did you mean 'workers'/,
    ],
    [
      'a mode there is not',
      never,
      [1],
      { mode: 'fast' },
      RangeError,
      /mode must be one of 'serial', 'async', 'threads'/,
    ],
    ['a timeout of NaN', never, [1], { timeoutMs: NaN }, RangeError, /timeoutMs/],
    ['a policy that is none', never, [1], { policies: [{}] }, TypeError, /policies\[0\]/],
    ['an unknown hook', never, [1], { hooks: { onBegin: never } }, TypeError, /unknown hooks option 'onBegin'/],
    ['a relative module', { url: './x.mjs', export: 'a' }, [1], undefined, TypeError, /url must be absolute/],
  ])('%s', async (_, task, items, options, ErrorClass, message) => {
    const running = execute(task as never, items as never, options as never)
    await expect(running).rejects.toThrow(ErrorClass)
    await expect(running).rejects.toThrow(message)
  })

  it('an export that does not exist', async () => {
    await expect(execute({ url: 'node:path', export: 'nothing' } as never, [1])).rejects.toThrow(
      /must export a function named 'nothing'/,
    )
  })

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('%s, which no module exports', async (name) => {
    for (const url of ['node:path', 'data:text/javascript,export default () => 1', 'data:text/javascript,'])
      for (const mode of ['serial', 'threads'] as const)
        await expect(execute({ url, export: name } as never, [1], { mode })).rejects.toThrow(
          `must export a function named '${name}'; received undefined`,
        )
  })

  it('a module that is there as TypeScript only', async () => {
    const url = import.meta.url.replace(/ts$/, 'js')
    await expect(execute({ url, export: 'nothing' } as never, [1])).rejects.toThrow(
      `the task's module does not exist: ${url}, while its .ts does: name the file that runs`,
    )
  })
})

describe('optimize', () => {
  it('runs the sample only, and keeps its results', async () => {
    const ran: number[] = []
    const plan = await optimize((n: number) => {
      ran.push(n)
      return n * 2
    }, numbers(20))
    expect(ran).toEqual([0, 1, 2, 3, 4])
    expect(plan.cacheHit).toBe(false)
    expect(await plan.run()).toEqual([...numbers(20)].map(double))
    expect(ran).toEqual([...numbers(20)])
    expect(await plan.run()).toHaveLength(20)
    expect(ran).toHaveLength(20)
  })

  it('takes a sample of more items than a call may have arguments', async () => {
    const plan = await optimize((n: number) => n, new Int32Array(200_000), { sampleSize: 200_000, useCache: false })
    expect(plan.profile.sampleSize).toBe(200_000)
    expect(await plan.run()).toHaveLength(200_000)
  })

  it('names what a function captures, also where threads would not be worth it', async () => {
    const cap = 3
    const plan = await optimize((n: number) => n + cap, numbers(20))
    expect(plan.mode).not.toBe('threads')
    expect(plan.warnings).toEqual([expect.stringMatching(/captures cap, .*stays in this thread/)])
    expect((await optimize(double, numbers(20))).warnings).toEqual([])
  })

  it('names the policy around a function, and not what that is made of', async () => {
    const { warnings } = await optimize(withRetry(double), numbers(20))
    expect(warnings).toEqual([expect.stringMatching(/'double' is guarded by a policy of this thread; .*{ policies }/)])
  })

  it('loses nothing from a generator', async () => {
    const plan = await optimize(double, numbers(8), { useCache: false })
    expect([...(plan.items as Iterable<number>)]).toEqual([...numbers(8)])
    const later = await optimize(double, numbersLater(8), { useCache: false })
    expect(await collect(later.items as AsyncIterable<number>)).toEqual([...numbers(8)])
  })

  it.each([
    ['a generator', numbers],
    ['an async generator', numbersLater],
  ])('counts the items of a source that ends within the sample: %s', async (_, source) => {
    for (const useCache of [false, true]) {
      const empty = await optimize(double, source(0), { useCache })
      expect(empty.reason).toBe('nothing is left to run')
      expect(empty.profile.totalItems).toBe(0)
      if (!useCache) expect(empty.explain()).not.toContain('What would change it')
      expect(await empty.run()).toEqual([])
    }
    const short = await optimize(double, source(3), { useCache: false })
    expect(short.profile.totalItems).toBe(3)
    expect(await short.run()).toEqual([0, 2, 4])
  })

  it('says that items go to workers in chunks', async () => {
    const plan = await optimize(double, [...numbers(20)], { mode: 'threads', workers: 1 })
    expect(plan.explain()).toMatch(/^Plan: 1 worker thread, chunks of /)
  })

  it('begins no more items once its signal is aborted, and lets none wait for a token', async () => {
    const reason = new Error('enough')
    for (const options of [{}, { policies: [new RateLimiter({ requestsPerSecond: 1, burstSize: 2 })] }]) {
      const controller = new AbortController()
      const ran: number[] = []
      const abort = (n: number): number => {
        ran.push(n)
        if (n === 1) controller.abort(reason)
        return n
      }
      const { signal } = controller
      await expect(optimize(abort, numbers(20), { sampleSize: 20, signal, ...options })).rejects.toBe(reason)
      await new Promise(setImmediate)
      expect(ran).toEqual([0, 1])
      expect(options.policies?.[0]?.stats().waiting ?? 0).toBe(0)
    }
  })

  it('closes its source if the plan is run after its signal was aborted', async () => {
    let isClosed = false
    function* source(): Generator<number> {
      try {
        yield* numbers(20)
      } finally {
        isClosed = true
      }
    }
    const controller = new AbortController()
    const plan = await optimize(double, source(), { signal: controller.signal, useCache: false })
    expect(isClosed).toBe(false)
    controller.abort()
    await expect(plan.run()).rejects.toBe(controller.signal.reason)
    expect(isClosed).toBe(true)
  })

  it('knows at once what a run that has just ended has shown', async () => {
    const busy = (ms: number): number => {
      const endMs = performance.now() + ms
      while (performance.now() < endMs);
      return ms
    }
    // One ends within the call, the other after turns of the event loop.
    for (const items of [
      [1, 1],
      [3, 3, 3],
    ]) {
      const task = (ms: number): number => busy(ms)
      await execute(task, items, { mode: 'serial' })
      expect((await optimize(task, items)).cacheHit).toBe(true)
    }
  })

  it('answers from what it has measured, quickly', async () => {
    const task = (n: number): number => Math.sqrt(n)
    const items = [...numbers(100)]
    await optimize(task, items)
    const times: number[] = []
    for (let i = 0; i < 200; i++) {
      const startedMs = performance.now()
      const plan = await optimize(task, items)
      times.push(performance.now() - startedMs)
      expect(plan.cacheHit).toBe(true)
    }
    expect(times.sort((a, b) => a - b)[100]).toBeLessThan(0.2) // 0.05 on a quiet machine
  })

  it('tells computing from waiting', async () => {
    const waiting = await optimize(() => sleep(10), numbers(100))
    expect(waiting.mode).toBe('async')
    // Next to nothing, unless other programs keep this thread from its core meanwhile.
    expect(waiting.profile.cpuShare).toBeLessThan(0.8)
    expect(waiting.estimatedSpeedup).toBeGreaterThan(2)
    const short = await optimize(double, [...numbers(100)])
    expect(short.mode).toBe('serial')
    expect(short.profile.cpuShare).toBe(1)
  })

  it('explains itself', async () => {
    const plan = await optimize(double, [...numbers(100)])
    const report = plan.explain()
    for (const word of [
      'Plan: stay in this thread',
      'Why: ',
      'an item takes',
      'Considered (estimated by',
      'What would change it:',
    ])
      expect(report).toContain(word)
  })
})

describe('a task that is known by its module', () => {
  const source = `
    export let chosen = (n) => 'first ' + n
    export const choose = () => { chosen = (n) => 'second ' + n }
    export const other = (n) => 'other ' + n
    export const late = async (n) => n
    export const failing = (n) => { if (n === 2) throw new RangeError('two'); return n }
    export const double = (n) => 2 * n`
  const modules = { count: 0 }
  const moduleUrl = (): string => `data:text/javascript,${encodeURIComponent(`${source} // ${modules.count++}`)}`

  it('is run like a function, the first time and later', async () => {
    const url = moduleUrl()
    const [double, failing, late] = ['double', 'failing', 'late'].map((name) => task<number>(url, name)) as [
      TaskReference<number>,
      TaskReference<number>,
      TaskReference<number>,
    ]
    for (let times = 0; times < 3; times++) {
      expect(await execute(double, [1, 2, 3])).toEqual([2, 4, 6])
      expect(await execute(double, new Float64Array([1, 2]))).toEqual([2, 4])
      expect(await execute(late, [1, 2, 3])).toEqual([1, 2, 3])
      await expect(execute(failing, [1, 2, 3])).rejects.toThrow(RangeError)
      await expect(execute(double, [1], { signal: AbortSignal.abort('no') })).rejects.toBe('no')
      expect(await execute(failing, [1, 2], { onError: 'collect' })).toMatchObject([
        { value: 1 },
        { reason: { message: 'two' } },
      ])
      const plan = await optimize(double, [1, 2, 3])
      expect(await plan.run()).toEqual([2, 4, 6])
    }
  })

  it('is what the module exports at the time', async () => {
    const url = moduleUrl()
    const chosen = task<number>(url, 'chosen')
    expect(await execute(chosen, [1])).toEqual(['first 1'])
    const { choose } = (await import(url)) as { choose: () => void }
    choose()
    expect(await execute(chosen, [1])).toEqual(['second 1'])
  })

  it('may be named by an object that changes', async () => {
    const named = { url: moduleUrl(), export: 'double' }
    const pending = execute(named, [1])
    named.export = 'other'
    Object.freeze(named)
    expect(await pending).toEqual([2])
    expect(await execute(named, [1])).toEqual(['other 1'])
  })

  it('may be aborted while its module is imported', async () => {
    const controller = new AbortController()
    const pending = execute(task<number>(moduleUrl(), 'double'), [1], { signal: controller.signal })
    controller.abort('changed my mind')
    await expect(pending).rejects.toBe('changed my mind')
  })
})
