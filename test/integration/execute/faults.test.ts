import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  execute,
  optimize,
  retry,
  type ScheduleOptions,
  stream,
  task,
  TimeoutExceededError,
  WorkerCrashedError,
} from 'amorsize'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const natively = createRequire(import.meta.url)('../../fixtures/natively.cjs') as (url: string) => Promise<unknown>
const root = fileURLToPath(new URL('../../..', import.meta.url))
const faults = new URL('../../fixtures/tasks/faults.mjs', import.meta.url)
const guarded = new URL('../../fixtures/tasks/guarded.mjs', import.meta.url)
const misbehave = task<object>(faults, 'misbehave')
const inWorkers: ScheduleOptions & { onError: 'collect' } = {
  mode: 'threads',
  workers: 2,
  mainThread: false,
  onError: 'collect',
}

/** 40 ordinary items, with `bad` at index 17. */
function around(bad: object): object[] {
  return Array.from({ length: 40 }, (_, n) => (n === 17 ? bad : { n }))
}

/** Runs them, checks that nothing is lost beside the bad one, and gives what became of that. */
async function outcomeOf(bad: object, options: Partial<ScheduleOptions> = {}): Promise<PromiseSettledResult<unknown>> {
  const outcomes = await execute(misbehave, around(bad), { ...inWorkers, ...options } as typeof inWorkers)
  expect(outcomes).toHaveLength(40)
  outcomes.forEach((outcome, n) => {
    if (n !== 17) expect(outcome).toEqual({ status: 'fulfilled', value: n * 2 })
  })
  return outcomes[17]!
}

async function errorOf(
  bad: object,
  options: Partial<ScheduleOptions> = {},
): Promise<{ readonly cause?: unknown; readonly stack?: string }> {
  const outcome = await outcomeOf(bad, options)
  expect(outcome.status).toBe('rejected')
  return (outcome as PromiseRejectedResult).reason as never
}

describe('fault matrix: each fault rejects its own item, and nothing else is lost', () => {
  it('process.exit() in a task', async () => {
    const error = await errorOf({ do: 'exit', code: 3 })
    expect(WorkerCrashedError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_WORKER_CRASHED', item: 17, exitCode: 3 })
  })

  it('process.exit() in a task that waits', async () => {
    expect(await errorOf({ do: 'exit later' })).toMatchObject({ code: 'ERR_WORKER_CRASHED', item: 17, exitCode: 4 })
  })

  it.each([1, 8, 40])('process.exit() while a retry waits, in chunks of %i', async (chunkSize) => {
    const policies = [retry({ maxRetries: 1, initialDelayMs: 100, jitter: 'none' })]
    expect(await errorOf({ do: 'exit between attempts' }, { policies, chunkSize })).toMatchObject({
      code: 'ERR_WORKER_CRASHED',
      item: 17,
      exitCode: 5,
    })
  })

  it('an uncaught error in a worker', async () => {
    const error = await errorOf({ do: 'uncaught' })
    expect(error).toMatchObject({ code: 'ERR_WORKER_CRASHED', item: 17, exitCode: 1 })
    expect(error.cause).toMatchObject({ message: 'out of nowhere' })
  })

  it('an error with a property that throws', async () => {
    expect(await errorOf({ do: 'getter error' })).toMatchObject({
      message: 'half readable',
      detail: expect.stringContaining('no'),
    })
  })

  it('out of memory, with a heap of 64 MB', async () => {
    const error = await errorOf({ do: 'memory' }, { maxMemoryPerWorker: 64 * 1024 * 1024 })
    expect(error).toMatchObject({ code: 'ERR_WORKER_CRASHED', item: 17 })
    expect(error.cause).toMatchObject({ code: 'ERR_WORKER_OUT_OF_MEMORY' })
  })

  it.each([null, undefined, 0, 'text', { any: 'object' }])('throws %o, which is no error', async (value) => {
    expect(await errorOf({ do: 'throw', value })).toEqual(value)
  })

  it("an error of the task's own class keeps class, code, cause and properties", async () => {
    // As the package imports it: Vitest's own import would evaluate the module once more.
    const { OwnError } = (await natively(faults.href)) as { OwnError: new () => Error }
    const error = await errorOf({ do: 'own error', n: 5 })
    expect(error).toBeInstanceOf(OwnError)
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ message: 'mine', code: 'E_OWN', details: { n: 5 } })
    expect(error.cause).toBeInstanceOf(TypeError)
    expect(error.stack).toContain('misbehave')
  })

  it("an error of JavaScript's or Node's keeps its class and code", async () => {
    expect(await errorOf({ do: 'throw', value: new URIError('u') })).toBeInstanceOf(URIError)
    const read = task<string>('node:fs', 'readFileSync')
    const [outcome] = await execute(read, ['/nowhere', '/nowhere/2'], inWorkers)
    expect((outcome as PromiseRejectedResult).reason).toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
      // Windows names the drive as well.
      path: expect.stringMatching(/[/\\]nowhere$/) as string,
    })
  })

  it('a result that cannot be cloned', async () => {
    expect(await errorOf({ do: 'uncloneable' })).toMatchObject({ name: 'DataCloneError' })
  })

  it('an item that cannot be cloned is run in this thread', async () => {
    const outcomes = await execute(misbehave, [{ n: 1 }, { n: 2, f: () => 1 }, { n: 3 }], {
      ...inWorkers,
      mainThread: true,
    })
    expect(outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value)).toEqual([2, 4, 6])
  })

  it.each([
    ['a function', { n: 2, f: () => 1 }],
    ['a Proxy', new Proxy({ n: 2 }, {})],
  ])('%s fails where this thread may run no item, and the others go on', async (_, unsendable) => {
    const outcomes = await execute(misbehave, [{ n: 1 }, unsendable, { n: 3 }], { ...inWorkers, mainThread: false })
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 2 },
      {
        status: 'rejected',
        reason: {
          code: 'ERR_TASK_NOT_TRANSFERABLE',
          message: expect.stringMatching(/^item 1 cannot be sent to a worker: .*could not be cloned/) as string,
          captured: [],
          cause: { name: 'DataCloneError' },
        },
      },
      { status: 'fulfilled', value: 6 },
    ])
  })

  describe('messageerror', () => {
    const unread = {
      message: 'the result of the item cannot be read in this thread',
      cause: { message: 'Maximum call stack size exceeded' },
    }

    it.each([1, 8, 40])('a result that this thread cannot read, in chunks of %i', async (chunkSize) => {
      const error = await errorOf({ do: 'deep', levels: 8000 }, { chunkSize })
      expect(error).toBeInstanceOf(Error)
      expect(error).toMatchObject(unread)
    })

    it('an error that this thread cannot read', async () => {
      expect(await errorOf({ do: 'deep error', levels: 4000 }, { chunkSize: 8 })).toMatchObject(unread)
    })

    it('an error that is nested too deep, however deep', async () => {
      const items = Array.from({ length: 30 }, (_, n) => ({ do: 'deep error', levels: 1000 * (n + 1) }))
      const outcomes = await execute(misbehave, items, inWorkers)
      for (const outcome of outcomes)
        expect((outcome as PromiseRejectedResult).reason.message).toMatch(/^deep$|cannot be read/)
    })

    it('results of numbers in shared memory that this thread cannot read', async () => {
      const items = Array.from({ length: 1000 }, (_, n) => n)
      const outcomes = await execute(task<number>(faults, 'textOrDeep'), items, inWorkers)
      outcomes.forEach((outcome, n) => {
        if (n % 100 === 50) expect((outcome as PromiseRejectedResult).reason).toMatchObject(unread)
        else expect(outcome).toEqual({ status: 'fulfilled', value: `text ${n}` })
      })
    })

    it.each([1, 8])('what a task posts by itself, in chunks of %i', async (chunkSize) => {
      const posts = (n: number): number => {
        let deep: unknown = null
        for (let i = 0; i < 8000; i++) deep = [deep]
        process.getBuiltinModule('node:worker_threads').parentPort!.postMessage(deep)
        return n
      }
      const items = Array.from({ length: 40 }, (_, n) => n)
      expect(await execute(posts, items, { mode: 'threads', workers: 2, mainThread: false, chunkSize })).toEqual(items)
    })

    it('it ends a run that does not collect, with that error', async () => {
      await expect(
        execute(misbehave, around({ do: 'deep', levels: 8000 }), { ...inWorkers, onError: 'throw' }),
      ).rejects.toMatchObject(unread)
    })

    /** What a program with a larger stack than its workers says of 40 items, of which workers cannot read one that it can send. */
    async function withUnreadableItem(call: string): Promise<unknown> {
      const source = `import { execute, task } from 'amorsize'
        const nested = (levels) => Array.from({ length: levels }).reduce((inner) => [inner], null)
        const { port1 } = new MessageChannel()
        let levels = 1000
        try {
          for (;; levels += 1000) port1.postMessage(nested(levels))
        } catch {
          port1.close()
        }
        const deep = nested(0.6 * levels)
        const items = Array.from({ length: 40 }, (_, n) => ({ n, item: n === 17 ? deep : [[null]] }))
        const options = { mode: 'threads', mainThread: false, onError: 'collect' }
        const outcomes = await ${call}
        console.log(JSON.stringify(outcomes.map(({ value, reason }) => value ?? reason.message)))`
      const program = [process.execPath, '--stack-size=15000', '--input-type=module', '-e', source]
      const { stdout } = await run('sh', ['-c', 'ulimit -s 16384 && exec "$0" "$@"', ...program], {
        cwd: root,
        timeout: 20_000,
      })
      return JSON.parse(stdout)
    }

    it.each([1, 8, 40])('an item that a worker cannot read, in chunks of %i', async (chunkSize) => {
      expect(
        await withUnreadableItem(
          `execute(task('${faults.href}', 'depth'), items, { ...options, workers: 2, chunkSize: ${chunkSize} })`,
        ),
      ).toEqual(Array.from({ length: 40 }, (_, n) => (n === 17 ? 'the item cannot be read in a worker' : 2)))
    })

    it('an item that a worker cannot read, with the reason as its cause', async () => {
      const causes = `execute((n) => n, items, { ...options, workers: 1, chunkSize: 8 })
        .then((all) => all.map(({ reason }) => ({ value: reason?.cause?.message ?? 1 })))`
      expect(await withUnreadableItem(causes)).toEqual(
        Array.from({ length: 40 }, (_, n) => (n === 17 ? 'Maximum call stack size exceeded' : 1)),
      )
    })

    it('an item that a worker cannot read while those of earlier chunks wait there', async () => {
      const timesRun = `async ({ n }) => {
        const times = (globalThis.times ??= [])
        times[n] = (times[n] ?? 0) + 1
        await new Promise((resolve) => setTimeout(resolve, n % 2 === 0 ? 300 : 5))
        return times[n]
      }`
      expect(await withUnreadableItem(`execute(${timesRun}, items, { ...options, workers: 1, chunkSize: 8 })`)).toEqual(
        Array.from({ length: 40 }, (_, n) => (n === 17 ? 'the item cannot be read in a worker' : 1)),
      )
    })
  })

  it('an endless loop, with a time limit', async () => {
    const startedMs = performance.now()
    const error = await errorOf({ do: 'loop' }, { timeoutMs: 150 })
    expect(TimeoutExceededError.is(error)).toBe(true)
    expect(error).toMatchObject({ timeoutMs: 150 })
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  })

  it('an endless loop, by a time that is not that of fake timers', async () => {
    const own = performance.now
    for (const leapMs of [0, 1e6]) {
      let fakeMs = 0
      performance.now = () => (fakeMs += leapMs)
      try {
        expect(TimeoutExceededError.is(await errorOf({ do: 'loop' }, { timeoutMs: 2000 }))).toBe(true)
      } finally {
        performance.now = own
      }
    }
  })

  it('an endless loop behind finished items of its own chunk', async () => {
    for (const chunkSize of [40, 20])
      expect(TimeoutExceededError.is(await errorOf({ do: 'loop' }, { timeoutMs: 150, chunkSize }))).toBe(true)
  })

  it('an endless loop among numbers in shared memory', async () => {
    const items = Array.from({ length: 100 }, (_, n) => n)
    const outcomes = await execute(task<number>(faults, 'numbers'), items, { ...inWorkers, timeoutMs: 150 })
    outcomes.forEach((outcome, n) => {
      if (n !== 13) expect(outcome).toEqual({ status: 'fulfilled', value: n * 2 })
      else expect(TimeoutExceededError.is((outcome as PromiseRejectedResult).reason)).toBe(true)
    })
  })

  it('an endless loop behind the sample of a plan, whose items are too short for workers', async () => {
    const items = Array.from({ length: 100 }, (_, n) => n)
    const plan = await optimize(task<number>(faults, 'numbers'), items, { onError: 'collect', timeoutMs: 150 })
    expect(plan).toMatchObject({ mode: 'threads', reason: expect.stringContaining('ended in the middle of an item') })
    const outcomes = await plan.run()
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(99)
    expect(TimeoutExceededError.is((outcomes[13] as PromiseRejectedResult).reason)).toBe(true)
  })

  it('an endless loop in a plan for a task that earlier runs knew under policies, which make promises of all items', async () => {
    const numbers = task<number>(faults, 'numbers')
    const harmless = Array.from({ length: 500 }, (_, n) => n + 100)
    const policies = [retry()]
    expect(await execute(numbers, harmless, { policies })).toHaveLength(500)
    const items = Array.from({ length: 100 }, (_, n) => n)
    const plan = await optimize(numbers, items, { onError: 'collect', timeoutMs: 150, policies })
    expect(plan).toMatchObject({ mode: 'threads', cacheHit: true })
    expect((await plan.run()).filter(({ status }) => status === 'fulfilled')).toHaveLength(99)
  })

  it('an endless loop that an item has left behind', async () => {
    const leavesLoop = (n: number): number[] => {
      if (n === 2)
        setTimeout(() => {
          for (;;);
        }, 0)
      return [n]
    }
    const items = Array.from({ length: 2000 }, (_, n) => n)
    const limits = { mode: 'threads', workers: 1, chunkSize: 2, timeoutMs: 150 } as const
    expect(await execute(leavesLoop, items, limits)).toEqual(items.map((n) => [n]))
  })

  it('what a worker takes to send the result of an item that waits is no part of its time', async () => {
    const limits = { mode: 'threads', workers: 1, mainThread: false, timeoutMs: 200 } as const
    expect(await execute(task<number>(faults, 'slowToSend'), [1, 2], limits)).toEqual([{ n: 1 }, { n: 2 }])
  })

  it('items that keep their worker in turn, after they have waited together, are no endless one', async () => {
    const marks = new Int32Array(new SharedArrayBuffer(4 * 12))
    const items = Array.from(marks, (_, n) => ({ marks, n }))
    const where = { workers: 1, mainThread: false, useCache: false, chunkSize: 12, timeoutMs: 300 } as const
    const plan = await optimize(task<object>(faults, 'waitsThenBlocks'), items, where)
    expect(await plan.run()).toEqual(items.map(({ n }) => n))
    expect([...marks]).toEqual(items.map(() => 1))
  })

  it('nor is what their worker takes to send one result while others wait', async () => {
    const marks = new Int32Array(new SharedArrayBuffer(4 * 12))
    const items = Array.from(marks, (_, n) => ({ marks, n }))
    const where = { workers: 1, mainThread: false, useCache: false, chunkSize: 12, timeoutMs: 300 } as const
    const plan = await optimize(task<object>(faults, 'waitsThenSends'), items, where)
    expect(await plan.run()).toEqual(items.map(({ n }) => ({ n })))
    expect([...marks]).toEqual(items.map(() => 1))
  })

  it('an endless loop of one of several items that wait in a worker', async () => {
    const items = Array.from({ length: 30 }, (_, n) => ({ n, ms: 3, loops: n === 20 }))
    const where = { workers: 1, mainThread: false, onError: 'collect', useCache: false } as const
    const plan = await optimize(task<object>(guarded, 'waitsThenLoops'), items, { ...where, timeoutMs: 150 })
    const outcomes = await plan.run()
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(29)
    expect(TimeoutExceededError.is((outcomes[20] as PromiseRejectedResult).reason)).toBe(true)
  })

  it('no item in this thread behind the sample of a plan with a time limit, though workers lose', async () => {
    const items = Array.from({ length: 60_000 }, (_, n) => ({ n, text: 'x'.repeat(200) }))
    const plan = await optimize(task<object, boolean>(faults, 'whereabouts'), items, { timeoutMs: 5000 })
    expect((await plan.run()).filter((isHere) => isHere)).toHaveLength(5)
  })

  it('no result of a plan with a time limit that says why it stays in this thread', async () => {
    const items = Array.from({ length: 40 }, (_, n) => n)
    const plan = await optimize((n: number) => new URL(`http://a/${n}`), items, { timeoutMs: 5000 })
    expect(plan).toMatchObject({
      mode: 'serial',
      warnings: [expect.stringMatching(/an instance of URL.*cannot be ended/)],
    })
    expect((await plan.run()).every((result) => result instanceof URL)).toBe(true)
    expect((await optimize(() => 1, [], { timeoutMs: 5000 })).mode).toBe('serial')
  })

  it('an item that waits too long', async () => {
    expect(TimeoutExceededError.is(await errorOf({ do: 'slow', ms: 60_000 }, { timeoutMs: 100 }))).toBe(true)
  })

  it('process.exit() among numbers in shared memory', async () => {
    const items = Array.from({ length: 1000 }, (_, n) => (n % 250 === 17 ? -1 : n))
    const outcomes = await execute(
      task<number>(faults, 'numbers'),
      items.map((n) => (n === 13 ? 12 : n)),
      inWorkers,
    )
    outcomes.forEach((outcome, n) => {
      if (n % 250 !== 17) expect(outcome).toEqual({ status: 'fulfilled', value: (n === 13 ? 12 : n) * 2 })
      else
        expect((outcome as PromiseRejectedResult).reason).toMatchObject({
          code: 'ERR_WORKER_CRASHED',
          item: n,
          exitCode: 5,
        })
    })
  })

  it('process.exit() when the run is over and the next has sent the worker its numbers', async () => {
    const later = new URL('../../fixtures/tasks/exits-later.mjs', import.meta.url)
    const items = Array.from({ length: 400 }, (_, n) => n)
    const options: ScheduleOptions = { mode: 'threads', workers: 2 }
    for (let round = 0; round < 10; round++) {
      await execute(task<number>(later, 'exitsLater'), items, options)
      let completed = 0
      const results = await execute(task<number>(later, 'busyDouble'), items, {
        ...options,
        hooks: {
          onEnd: (end) => {
            completed = end.completed
          },
        },
      })
      expect(results).toEqual(items.map((n) => n * 2))
      expect(completed).toBe(400)
    }
  })

  it('every item ends its worker', async () => {
    const outcomes = await execute(
      misbehave,
      Array.from({ length: 4 }, () => ({ do: 'exit' })),
      inWorkers,
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
  })

  it('an item whose worker died is tried again elsewhere, once', async () => {
    const marks = new Int32Array(new SharedArrayBuffer(4 * 20))
    const items = Array.from({ length: 20 }, (_, n) => ({ n, marks }))
    expect(
      await execute(task<object>(faults, 'diesOnce'), items.slice(0, 6), { ...inWorkers, onError: 'throw' }),
    ).toEqual([0, 1, 2, 3, 4, 5])
    expect([...marks.slice(0, 6)]).toEqual([2, 2, 2, 2, 2, 2])
    const never = execute(task<object>(faults, 'diesOnce'), items.slice(6), {
      ...inWorkers,
      onError: 'throw',
      retryCrashedItems: 0,
    })
    await expect(never).rejects.toMatchObject({ code: 'ERR_WORKER_CRASHED' })
  })

  it('an item beside one that has ended its only worker, though the next is kept by what an item has left behind', async () => {
    const diesThenLeaves = task<object>(faults, 'diesThenLeaves')
    const only = { mode: 'threads', workers: 1, concurrency: 2, chunkSize: 2 } as const
    const marks = new Int32Array(new SharedArrayBuffer(4))
    const items = Array.from({ length: 3 }, (_, n) => ({ n, marks }))
    // On a busy machine the worker may be late, so that this thread runs item 0: then it is tried again.
    while (marks[0] === 0) {
      // Now there is a worker that has the task, and gets the first items.
      await execute(diesThenLeaves, items.slice(1), { ...only, mainThread: false })
      expect(await execute(diesThenLeaves, items, only)).toEqual(items.map(({ n }) => n))
    }
    expect(marks[0]).toBe(2)
  })

  it('items that wait beside one that has ended its only worker', async () => {
    const items = [{ do: 'loop' }, ...Array.from({ length: 4 }, (_, n) => ({ do: 'slow', ms: 20, n }))]
    const only = { workers: 1, chunkSize: 5, timeoutMs: 150, onError: 'collect', useCache: false } as const
    const [first, ...others] = await execute(misbehave, items, only)
    expect(TimeoutExceededError.is((first as PromiseRejectedResult).reason)).toBe(true)
    expect(others).toEqual([0, 1, 2, 3].map((value) => ({ status: 'fulfilled', value })))
  })

  it('the first failing item ends the run with its own error', async () => {
    await expect(
      execute(misbehave, around({ do: 'own error' }), { ...inWorkers, onError: 'throw' }),
    ).rejects.toMatchObject({ code: 'E_OWN' })
    await expect(
      execute(misbehave, around({ do: 'throw', value: null }), { ...inWorkers, onError: 'throw' }),
    ).rejects.toBe(null)
  })
})

describe('faults of the run as a whole', () => {
  it('a module that does not parse', async () => {
    const broken = task<number>(new URL('../../fixtures/tasks/unparsable.mjs', import.meta.url), 'broken')
    await expect(execute(broken, [1, 2], inWorkers)).rejects.toThrow(/parse|Unexpected/)
    await expect(execute(broken, [1, 2])).rejects.toThrow(/parse|Unexpected/)
  })

  it('a module that does not load in a worker', async () => {
    const onlyMain = task<number>(new URL('../../fixtures/tasks/only-main.mjs', import.meta.url), 'double')
    await expect(execute(onlyMain, [1, 2], { mode: 'threads', workers: 1, mainThread: false })).rejects.toThrow(
      'not in a worker',
    )
  })

  it.each(['ends-as-it-loads.mjs', 'ends-as-it-loads.mjs?later'])(
    'a module that ends each worker that loads it: %s',
    async (name) => {
      const ending = task<number, number>(new URL(`../../fixtures/tasks/${name}`, import.meta.url), 'double')
      await expect(execute(ending, [1, 2], { mode: 'threads', workers: 2, mainThread: false })).rejects.toMatchObject({
        code: 'ERR_EXECUTION',
        message: 'workers end before they have run any item',
        errors: [{ message: 'a worker ended with code 3 as it loaded the task' }],
      })
      // Where threads are only a choice, this thread does the work.
      const items = Array.from({ length: 300 }, (_, n) => n)
      expect(await execute(ending, items)).toEqual(items.map((n) => n * 2))
    },
  )

  it('a module of which each worker ends as soon as it has loaded it', async () => {
    const ending = task<number, number>(new URL('../../fixtures/tasks/ends-once-loaded.mjs', import.meta.url), 'double')
    const items = Array.from({ length: 300 }, (_, n) => n)
    await expect(execute(ending, items, { mode: 'threads', workers: 2, mainThread: false })).rejects.toMatchObject({
      code: 'ERR_EXECUTION',
      message: 'workers end before they have run any item',
      errors: [{ cause: { message: 'begun by the module' } }],
    })
    expect(await execute(ending, items)).toEqual(items.map((n) => n * 2))
  })

  it('a module whose error in a worker cannot be read', async () => {
    const deep = task<number>(new URL('../../fixtures/tasks/deep-error.mjs', import.meta.url), 'double')
    await expect(execute(deep, [1, 2], { mode: 'threads', workers: 2, mainThread: false })).rejects.toThrow(
      /^deep$|cannot be read/,
    )
  })

  it('a module whose error cannot be read in a worker that has loaded another one', async () => {
    const deep = task<number>(new URL('../../fixtures/tasks/deep-error.mjs?again', import.meta.url), 'double')
    const options = { mode: 'threads', workers: 1, mainThread: false } as const
    await execute((n: number) => n, [1, 2], options)
    await expect(execute(deep, [1, 2], options)).rejects.toThrow(/^deep$|cannot be read/)
  })

  it('a function that captures something, forced into threads', async () => {
    const factor = 2
    const running = execute((n: number) => n * factor, [1, 2], { mode: 'threads' })
    await expect(running).rejects.toMatchObject({ code: 'ERR_TASK_NOT_TRANSFERABLE', captured: ['factor'] })
  })

  it.each([
    [0, 1],
    ['0', '1'],
  ])('a function that captures something, and this thread is to be spared', async (...pair) => {
    const end = { value: 2 }
    const slow = (item: number | string) => {
      const until = performance.now() + end.value
      while (performance.now() < until);
      return Number(item) * 2
    }
    const items = Array.from({ length: 200 }, (_, n) => pair[n % 2]!)
    for (let i = 0; i < 2; i++)
      expect(await execute(slow, items, { mainThread: false })).toEqual(items.map((item) => Number(item) * 2))
  })

  it.each([0, 1, 390])('an array whose element %i throws when it is read', async (index) => {
    const numbers = Array.from({ length: 400 }, (_, n) => n)
    Object.defineProperty(numbers, index, {
      get: () => {
        throw new Error('not to be read')
      },
    })
    const twice = (n: number) => n * 2
    for (const options of [
      {},
      { mode: 'threads' },
      { mode: 'threads', mainThread: false, workers: 1 },
      { onError: 'collect' },
      { mode: 'async' },
    ] satisfies ScheduleOptions[]) {
      await expect(execute(twice, numbers, options)).rejects.toThrow('not to be read')
    }
  })

  it('items and results that cannot be looked at stay in this thread', async () => {
    const revoked = () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    }
    const slow = (): object => {
      const until = performance.now() + 1
      while (performance.now() < until);
      return {
        get constructor() {
          throw new Error('not to be read')
        },
      }
    }
    const items = Array.from({ length: 100 }, revoked)
    for (const options of [{}, { onError: 'collect' }] satisfies ScheduleOptions[])
      expect(await execute(slow, items, options)).toHaveLength(100)
  })

  it('is aborted while workers loop for ever', async () => {
    const controller = new AbortController()
    const running = execute(misbehave, [{ do: 'loop' }, { do: 'loop' }, { n: 1 }], {
      ...inWorkers,
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(new Error('enough')), 300)
    await expect(running).rejects.toThrow('enough')
  })

  it('the next run is not disturbed by what the last one left behind', async () => {
    await expect(
      execute(
        misbehave,
        [
          { do: 'throw', value: 1 },
          { do: 'busy', ms: 200, n: 1 },
        ],
        { ...inWorkers, onError: 'throw' },
      ),
    ).rejects.toBe(1)
    expect(await outcomeOf({ n: 17 })).toEqual({ status: 'fulfilled', value: 34 })
  })

  it('a worker comes from a later run to an earlier one', async () => {
    // In a pool of their own.
    const apart: ScheduleOptions = {
      mode: 'threads',
      workers: 1,
      mainThread: false,
      chunkSize: 4,
      maxMemoryPerWorker: 96 * 1024 * 1024,
    }
    let hadWorkers = 0
    // Its worker ends at 17; while the next one starts, those of the later run are done.
    const earlier = execute(misbehave, around({ do: 'exit' }), {
      ...inWorkers,
      ...apart,
      onError: 'collect',
      hooks: {
        onWorkerStart: () => {
          hadWorkers++
        },
      },
    })
    const state = { isOver: false }
    void earlier.finally(() => (state.isOver = true))
    while (!state.isOver) await execute(misbehave, [{ n: 1 }], { ...apart, workers: 3 })
    const outcomes = await earlier
    outcomes.forEach((outcome, n) =>
      expect(outcome).toMatchObject(n === 17 ? { reason: { code: 'ERR_WORKER_CRASHED' } } : { value: n * 2 }),
    )
    expect(hadWorkers).toBeGreaterThan(1)
  })

  it('a stream passes faults on in their place', async () => {
    const seen: unknown[] = []
    for await (const outcome of stream(misbehave, around({ do: 'exit' }), inWorkers)) seen.push(outcome)
    expect(seen).toHaveLength(40)
    seen.forEach((outcome, index) =>
      expect(outcome).toMatchObject(
        index === 17 ? { status: 'rejected', index } : { status: 'fulfilled', value: index * 2, index },
      ),
    )
  })
})

describe('right after a run that was aborted', () => {
  it('another gets workers, although those of the first are still ending', async () => {
    const signal = AbortSignal.timeout(50)
    const endless = execute(misbehave, around({ do: 'loop' }), { ...inWorkers, onError: 'throw', signal })
    await expect(endless).rejects.toThrow('aborted due to timeout')
    expect(await outcomeOf({ n: 17 }, { signal: AbortSignal.timeout(10_000) })).toEqual({
      status: 'fulfilled',
      value: 34,
    })
  })
})

describe('where a worker dies and no other can be started', () => {
  it('the item that ended it fails, and this thread does the rest', async () => {
    const threads = process.getBuiltinModule('node:worker_threads')
    const { Worker } = threads
    // Busy enough for the worker that is there to be asked; it ends at the first item it gets.
    const deadly = (n: number): number => {
      if (!process.getBuiltinModule('node:worker_threads').isMainThread) process.exit(4)
      const endMs = performance.now() + 1
      while (performance.now() < endMs);
      return n
    }
    await execute(() => 1, [1, 2, 3], { mode: 'threads', workers: 1, mainThread: false })
    threads.Worker = class {
      constructor() {
        throw new Error('no more threads')
      }
    } as unknown as typeof Worker
    try {
      const outcomes = await execute(
        deadly,
        Array.from({ length: 200 }, (_, n) => n),
        { onError: 'collect' },
      )
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
      expect(failed).toHaveLength(1)
      expect(failed[0]?.reason).toMatchObject({ code: 'ERR_WORKER_CRASHED', exitCode: 4 })
      outcomes.forEach(
        (outcome, value) => outcome.status === 'fulfilled' && expect(outcome).toEqual({ status: 'fulfilled', value }),
      )
    } finally {
      threads.Worker = Worker
    }
  })
})

describe('20 random kills', () => {
  it('lose no item, and run none twice that did not crash', async () => {
    const count = 400
    const runs = new Int32Array(new SharedArrayBuffer(4 * count))
    const deadly = new Set<number>()
    while (deadly.size < 10) deadly.add(Math.floor(Math.random() * count))
    const items = Array.from({ length: count }, (_, n) => ({ n, runs, dies: deadly.has(n) }))
    const outcomes = await execute(task<object>(faults, 'counting'), items, { ...inWorkers, chunkSize: 8 })
    outcomes.forEach((outcome, n) => {
      if (deadly.has(n))
        expect((outcome as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_WORKER_CRASHED', item: n })
      else expect(outcome).toEqual({ status: 'fulfilled', value: n })
      expect(runs[n]).toBe(deadly.has(n) ? 2 : 1)
    })
  })
})
