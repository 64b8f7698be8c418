import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { execute, optimize, retry, stream, timeout, TimeoutExceededError } from 'amorsize'
import { systemInfo } from 'amorsize/system'
import { afterEach, describe, expect, it, vi } from 'vitest'

afterEach(() => vi.restoreAllMocks())

const sleep = (ms: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, ms, ms))

/** A task that waits as long as its item says, and how many of it have been under way at once. */
function counted(): { task: (ms: number) => Promise<number>; most: () => number; begun: () => number } {
  let now = 0
  let most = 0
  let begun = 0
  const task = async (ms: number): Promise<number> => {
    begun++
    most = Math.max(most, ++now)
    // What is cached answers at once.
    if (ms > 0) await sleep(ms)
    now--
    return ms
  }
  return { task, most: () => most, begun: () => begun }
}

const latencies = Array.from({ length: 300 }, (_, i) => 1 + ((i * 37) % 60))
const cacheFirst = Array.from({ length: 300 }, (_, i) => (i < 50 ? 0 : 30))

async function viaStream(task: (ms: number) => Promise<number>, items: number[]): Promise<number[]> {
  const results: number[] = []
  for await (const result of stream(task, items)) results.push(result)
  return results
}

async function viaPlan(task: (ms: number) => Promise<number>, items: number[]): Promise<number[]> {
  return (await optimize(task, items)).run()
}

const ways = { execute, stream: viaStream, 'optimize().run()': viaPlan }

describe('items that wait', () => {
  it.each(Object.entries(ways))('are begun many at once, however long each takes: %s', async (_, run) => {
    for (const items of [latencies, cacheFirst]) {
      const { task, most } = counted()
      expect(await run(task, items)).toEqual(items)
      expect(most()).toBeGreaterThanOrEqual(60)
    }
  })

  it('begin while those that have settled together with the last one compute', async () => {
    let begun = 0
    const task = async (): Promise<number> => {
      begun++
      await sleep(5)
      const untilMs = performance.now() + 5
      while (performance.now() < untilMs);
      return begun
    }
    // Four timers are due at once: when the second item ends, the fifth has begun. Not in a call where another program has the core while one
    // begins.
    const seen: number[][] = []
    for (let call = 0; call < 5; call++) {
      begun = 0
      seen.push((await execute(task, [0, 1, 2, 3, 4, 5, 6, 7], { mode: 'async', workers: 4 })).slice(0, 2))
    }
    expect(seen).toContainEqual([4, 5])
  })

  describe('leave the event loop its turns', () => {
    const compute = (ms: number): void => {
      const untilMs = performance.now() + ms
      while (performance.now() < untilMs);
    }
    const items = new Array<number>(300).fill(1)
    const many = { mode: 'async', workers: 64 } as const
    let begun = 0
    const step = (ms: number): number => {
      begun++
      compute(ms)
      return ms
    }

    function* computed(): Generator<number> {
      for (const ms of items) yield step(ms)
    }

    it.each<[string, number, () => Promise<unknown>]>([
      ['where they give values', 16, () => execute(step, items, many)],
      [
        'where they throw',
        16,
        () =>
          execute(
            (ms: number) => {
              throw new Error(`no ${step(ms)}`)
            },
            items,
            { ...many, onError: 'collect' },
          ),
      ],
      ['where their source computes', 16, () => execute(sleep, computed(), many)],
      [
        'where each that is read lets another begin',
        32,
        async () => {
          const task = async (ms: number): Promise<number> => step(await Promise.resolve(ms))
          const results = stream(task, items, { mode: 'async', workers: 8, batchSize: 8 })
          for await (const result of results) expect(result).toBe(1)
        },
      ],
      [
        'where many runs begin at once',
        64,
        () => Promise.all(items.map((ms) => execute(async (n: number) => sleep(step(n)), [ms, ms, ms, ms], many))),
      ],
    ])('%s', async (_, mostInTurn, run) => {
      begun = 0
      let inTurn = 0
      const look = (): void => {
        inTurn = Math.max(inTurn, begun)
        begun = 0
        immediate = setImmediate(look)
      }
      let immediate = setImmediate(look)
      await run()
      clearImmediate(immediate)
      inTurn = Math.max(inTurn, begun)
      expect(inTurn).toBeGreaterThan(0)
      expect(inTurn).toBeLessThanOrEqual(mostInTurn)
    })
  })

  it('are many at once in the first call of a process', async () => {
    const program = `
      import { execute } from 'amorsize'
      let now = 0, most = 0, settled = 0, begunFirst = 0
      const task = async (ms) => {
        most = Math.max(most, ++now)
        if (settled === 0) begunFirst++
        await new Promise((resolve) => setTimeout(resolve, ms))
        settled++
        now--
      }
      await execute(task, new Array(250).fill(200))
      console.log(JSON.stringify({ most, begunFirst }))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    const { most, begunFirst } = JSON.parse(stdout) as { most: number; begunFirst: number }
    // Neither the scheduler nor anything else is waited for.
    expect(begunFirst).toBe(64)
    expect(most).toBeGreaterThan(64)
  })

  it('are begun at once by a later call in as many as an earlier one has found', async () => {
    let begun = 0
    let inFlight = 0
    let settled = 0
    // A service that refuses what is too much for it.
    const task = async (ms: number): Promise<void> => {
      if (settled === 0) begun++
      const isRefused = ++inFlight > 20
      await sleep(ms)
      inFlight--
      settled++
      if (isRefused) throw new Error('429')
    }
    const items = new Array<number>(2000).fill(2)
    const slow = new Array<number>(100).fill(200)
    // A busy machine blurs the rates that are compared: there a run may end before it has found how many.
    for (let runs = 0; runs === 0 || (begun > 32 && runs < 25); runs++) {
      await execute(task, items, { onError: 'collect' })
      begun = settled = 0
      await execute(task, slow, { onError: 'collect' })
    }
    expect(begun).toBeLessThanOrEqual(32)
    begun = settled = 0
    await execute(task, slow, { onError: 'collect', useCache: false })
    expect(begun).toBe(64)
  })

  it('are as many at once as the plan or the caller says', async () => {
    let begun = 0
    let settled = 0
    const task = (ms: number): Promise<void> => {
      if (settled === 0) begun++
      return sleep(ms).then(() => {
        settled++
      })
    }
    const plan = await optimize(task, new Array<number>(100).fill(300))
    expect(plan.mode).toBe('async')
    begun = settled = 0
    await plan.run()
    expect(begun).toBe(plan.workers)
    begun = settled = 0
    await execute(task, new Array<number>(100).fill(300), { workers: 17, mode: 'async' })
    expect(begun).toBe(17)
  })

  it('let the event loop turn where they settle at once', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const endMs = performance.now() + 300
    let items = 0
    function* source(): Generator<number> {
      while (performance.now() < endMs) yield items++
    }
    await execute((n: number) => Promise.resolve(n), source())
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  it('come from a source that gives them slowly as fast as it does', async () => {
    async function* source(): AsyncGenerator<number> {
      for (let i = 0; i < 20; i++) yield sleep(2)
    }
    const { task, begun, most } = counted()
    expect(await execute(task, source())).toHaveLength(20)
    expect(begun()).toBe(20)
    expect(most()).toBeLessThan(20)
  })

  it('are not all begun at once where many before them were results already', async () => {
    let now = 0
    let most = 0
    const task = (n: number): number | Promise<number> => {
      if (n < 20_000) return n
      most = Math.max(most, ++now)
      return sleep(1).then(() => now--)
    }
    await execute(task, Array.from({ length: 22_000 }, (_, i) => i).values())
    expect(most).toBeLessThanOrEqual(256)
  })
})

describe('items that wait in workers that were asked for', () => {
  const inOneWorker = { mode: 'threads', mainThread: false, workers: 1, concurrency: 100 } as const
  /** Returns how many are under way in its thread. */
  const countsThere = (): Promise<number> => {
    const here = globalThis as { underWay?: number }
    here.underWay = (here.underWay ?? 0) + 1
    const { underWay } = here
    return new Promise((resolve) =>
      setTimeout(() => {
        here.underWay = (here.underWay ?? 0) - 1
        resolve(underWay)
      }, 10),
    )
  }

  it.each([
    ['numbers', (n: number): unknown => n, []],
    ['objects', (n: number): unknown => ({ n }), []],
    ['numbers under policies', (n: number): unknown => n, [retry(), timeout(5000)]],
    ['objects under policies', (n: number): unknown => ({ n }), [retry()]],
  ])(
    'run several at once, from the first run on, and as many as keep their thread busy: %s',
    async (_, itemOf, policies) => {
      const items = Array.from({ length: 300 }, (__, n) => itemOf(n))
      const options = { ...inOneWorker, policies }
      const counts = await execute(countsThere, items, { ...options, useCache: false })
      expect(counts[0]).toBe(1)
      expect(Math.max(...counts)).toBeGreaterThan(4)
      await execute(countsThere, items, options)
      // The next run knows.
      const later = await execute(countsThere, items.slice(0, 16), options)
      expect(Math.max(...later)).toBeGreaterThan(4)
    },
  )

  it('run dozens at once where they only wait', async () => {
    /** The later ones end when 40 of them are under way: they say in vain after 10 s. */
    const meet = async ({ n }: { readonly n: number }): Promise<string> => {
      if (n < 100) return new Promise((resolve) => setTimeout(resolve, 20, 'ended'))
      const here = globalThis as { meeting?: ((answer: string) => void)[] }
      const meeting = (here.meeting ??= [])
      return new Promise((resolve) => {
        if (meeting.push(resolve) === 40) for (const go of meeting) go('met')
        else if (meeting.length > 40) resolve('met')
        setTimeout(resolve, 10_000, 'in vain').unref()
      })
    }
    const items = Array.from({ length: 200 }, (_, n) => ({ n }))
    const results = await execute(meet, items, inOneWorker)
    expect(results).toEqual(items.map(({ n }) => (n < 100 ? 'ended' : 'met')))
  })
})

describe('items of which some wait much longer than others', () => {
  /** Item 5 waits until item 150 has begun, of a later chunk: it says in vain after 10 s. */
  const waitsForLater = async ({ n, run }: { readonly n: number; readonly run: string }): Promise<string> => {
    const here = globalThis as unknown as Record<string, (answer: string) => void>
    if (n === 150) here[run]!('heard')
    if (n !== 5) return new Promise((resolve) => setTimeout(resolve, 2, 'ended'))
    return new Promise((resolve) => {
      here[run] = resolve
      setTimeout(resolve, 10_000, 'in vain').unref()
    })
  }
  it.each([{}, { policies: [retry()] }, { timeoutMs: 60_000 }, { policies: [retry()], timeoutMs: 60_000 }])(
    'keep no worker from what comes after their chunk: %o',
    async (given) => {
      const options = { mode: 'threads', mainThread: false, workers: 1, concurrency: 100, ...given } as const
      const itemsOf = (run: string) => Array.from({ length: 300 }, (_, n) => ({ n, run }))
      // What is known of the task lets several wait at once.
      await execute(waitsForLater, itemsOf('first').slice(6, 150), options)
      const items = itemsOf(JSON.stringify(given))
      const results = await execute(waitsForLater, items, options)
      expect(results).toEqual(items.map(({ n }) => (n === 5 ? 'heard' : 'ended')))
    },
  )
})

describe('results of a chunk of which an item waits', () => {
  // It waits until all others are here.
  const lastWaits = ({ n, told }: { readonly n: number; readonly told: Int32Array }): unknown => {
    if (n < 7) return n
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (Atomics.load(told, 0) < 7) return
        clearInterval(timer)
        resolve(n)
      }, 1)
    })
  }

  it('come while it does', async () => {
    const told = new Int32Array(new SharedArrayBuffer(4))
    const items = Array.from({ length: 8 }, (_, n) => ({ n, told }))
    const options = { mode: 'threads', mainThread: false, workers: 1, chunkSize: 8 } as const
    for await (const n of stream(lastWaits, items, options)) expect(n).toBe(Atomics.add(told, 0, 1))
    expect(told[0]).toBe(8)
  })
})

describe('what an item returns', () => {
  it('may be a thenable that settles twice, or throws: that concerns it alone', async () => {
    const task = (n: number): PromiseLike<number> | Promise<number> => {
      if (n === 3)
        return {
          then: (ok: (n: number) => void) => {
            ok(n)
            ok(-1)
          },
        } as never
      if (n === 5)
        return {
          then: (ok: (n: number) => void) => {
            ok(n)
            throw new Error('late')
          },
        } as never
      if (n === 7)
        return {
          then: () => {
            throw new Error('seven')
          },
        } as never
      if (n === 8) {
        const no = (): never => {
          throw new Error('eight')
        }
        return Object.defineProperty(Promise.resolve(n), 'constructor', { get: no })
      }
      if (n === 9) return Object.assign(() => undefined, { then: (ok: (n: number) => void) => ok(n) }) as never
      return Promise.resolve(n)
    }
    const items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    for (const start of [0, 3, 5, 7, 8, 9]) {
      const from = items.slice(start)
      for (const options of [{}, { mode: 'async', workers: 1 }] as const) {
        const outcomes = await execute(task, from, { ...options, onError: 'collect' })
        expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message))).toEqual(
          from.map((n) => (n === 7 ? 'seven' : n === 8 ? 'eight' : n)),
        )
      }
    }
    await expect(execute(task, [7])).rejects.toThrow('seven')
    expect(await execute(task, [9, 3, 5])).toEqual([9, 3, 5])
  })
})

describe('items that have a time limit and return promises', () => {
  const items = Array.from({ length: 200 }, (_, n) => ({ n }))
  const later = ({ n }: { n: number }): Promise<number> =>
    new Promise((resolve) => {
      if (n !== 150) setTimeout(() => resolve(n), 5)
    })

  it('are begun in this thread, many at once, as soon as a worker has shown that they wait; later ones at once', async () => {
    const seen: (string | number)[] = []
    for (let run = 0; run < 2; run++) {
      const hooks = { onWorkerStart: () => seen.push('worker'), onEnd: ({ mode }: { mode: string }) => seen.push(mode) }
      const outcomes = await execute(later, items, { timeoutMs: 200, onError: 'collect', hooks })
      outcomes.forEach((outcome, n) => {
        if (n === 150) expect(TimeoutExceededError.is((outcome as PromiseRejectedResult).reason)).toBe(true)
        else expect(outcome).toEqual({ status: 'fulfilled', value: n })
      })
    }
    // The second run has asked for no worker.
    expect(seen.slice(-2)).toEqual(['async', 'async'])
  })

  it('stay in workers where they are to, with one after the other', async () => {
    const modes: string[] = []
    const hooks = { onEnd: ({ mode }: { mode: string }) => modes.push(mode) }
    const some = items.slice(0, 20)
    for (const where of [{ mode: 'threads' }, { mainThread: false }] as const)
      expect(await execute(later, some, { ...where, timeoutMs: 5000, hooks })).toEqual(some.map(({ n }) => n))
    expect(modes).toEqual(['threads', 'threads'])
  })

  it.skipIf(systemInfo().cpu.cpuWorkers < 2)('stay in workers that they have for what they compute', async () => {
    const compute = async ({ n }: { n: number }): Promise<number> => {
      const endMs = performance.now() + 15
      while (performance.now() < endMs);
      await Promise.resolve()
      return n
    }
    // As on a machine where nothing else runs.
    vi.spyOn(process, 'cpuUsage').mockImplementation((before) => ({
      user: 1000 * performance.now() - (before?.user ?? 0),
      system: 0,
    }))
    const modes: string[] = []
    const hooks = { onEnd: ({ mode }: { mode: string }) => modes.push(mode) }
    const plan = await optimize(compute, items.slice(0, 60), { timeoutMs: 60_000, useCache: false, hooks })
    expect(plan.mode).toBe('threads')
    expect(await plan.run()).toHaveLength(60)
    expect(modes).toEqual(['threads'])
  })

  it('are planned as such', async () => {
    const plan = await optimize(later, items.slice(0, 100), { timeoutMs: 5000, useCache: false })
    expect(plan.mode).toBe('async')
    expect(await plan.run()).toHaveLength(100)
  })
})
