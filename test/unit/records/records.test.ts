// What a run leaves behind, seen through execute, stream and optimize.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { execute, ExecutionError, optimize, type Progress, stream } from '../../../dist/index.js'
import { temporaryFolder } from '../support/recorded-run.js'

const folder = temporaryFolder()
let count = 0
const newPath = (): string => join(folder, `run-${count++}`)
const items = Array.from({ length: 300 }, (_, i) => i)
const linesIn = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

// One source for all of them, as a checkpoint belongs to the source of its function.
function recorder() {
  const state = { ran: [] as number[], fails: (n: number): boolean => n < 0 }
  const double = async (n: number): Promise<number> => {
    state.ran.push(n)
    if (state.fails(n)) throw new RangeError(`not ${n}`)
    await new Promise(setImmediate)
    return 2 * n
  }
  return { state, double }
}

describe('execute with a checkpoint', () => {
  it('runs what failed again, and nothing else', async () => {
    const checkpoint = { dir: newPath() }
    const { state, double } = recorder()
    state.fails = (n) => n % 50 === 7
    const first = await execute(double, items, { checkpoint, onError: 'collect' })
    expect(first.filter(({ status }) => status === 'rejected')).toHaveLength(6)
    state.fails = () => false
    state.ran = []
    expect(await execute(double, items, { checkpoint })).toEqual(items.map((n) => 2 * n))
    expect(state.ran).toEqual([7, 57, 107, 157, 207, 257])
    expect(readdirSync(checkpoint.dir)).toEqual(['checkpoint.log'])
  })

  it.each([['serial'], ['async']] as const)('goes on after a failure and after an abort, in mode %s', async (mode) => {
    const checkpoint = { dir: newPath(), name: mode }
    const { state, double } = recorder()
    state.fails = (n) => n === 100
    await expect(execute(double, items, { checkpoint, mode })).rejects.toThrow('not 100')
    expect(state.ran.length).toBeGreaterThan(100)
    state.fails = () => false

    const controller = new AbortController()
    state.ran = []
    const aborted = execute((n: number) => double(n), items, {
      checkpoint: { dir: newPath() },
      mode,
      signal: controller.signal,
    })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')

    state.ran = []
    expect(await execute(double, items, { checkpoint, mode })).toEqual(items.map((n) => 2 * n))
    // Those that were under way when the run failed are not in the account.
    expect(state.ran.length).toBeLessThan(280)
    expect(new Set(state.ran).size).toBe(state.ran.length)
  })

  it('gives up its lock when it is refused or aborted before it starts', async () => {
    const checkpoint = { dir: newPath() }
    const { double } = recorder()
    const controller = new AbortController()
    const aborted = execute(double, items, { checkpoint, signal: controller.signal })
    await Promise.resolve()
    controller.abort(new Error('too late'))
    await expect(aborted).rejects.toThrow('too late')
    await execute(double, items, { checkpoint })
    await expect(execute(double, items.slice(1), { checkpoint })).rejects.toThrow(
      /other items: there were 300, now there are 299/,
    )
    await expect(execute(double, items.with(9, -9), { checkpoint })).rejects.toThrow(
      /other items: item 9 is not the one/,
    )
    await expect(execute((n: number) => n, items, { checkpoint })).rejects.toThrow(/belongs to another task/)
    expect(await execute(double, items, { checkpoint })).toEqual(items.map((n) => 2 * n))
  })

  it('is refused while another run has it', async () => {
    const checkpoint = { dir: newPath() }
    const wait = (n: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, 500, n))
    const outcomes = await Promise.allSettled([
      execute(wait, [1, 2], { checkpoint }),
      execute(wait, [1, 2], { checkpoint }),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const { reason } = outcomes.find((outcome) => outcome.status === 'rejected')!
    expect(reason).toBeInstanceOf(ExecutionError)
  })

  it('serves streams, which can be left and taken up again', async () => {
    const checkpoint = { dir: newPath() }
    const { state, double } = recorder()
    const results: number[] = []
    for await (const result of stream(double, items.values(), { checkpoint, batchSize: 10 })) {
      results.push(result)
      if (results.length === 60) break
    }
    const ranBefore = state.ran.length
    expect(ranBefore).toBeLessThan(100)
    state.ran = []
    const all: number[] = []
    for await (const result of stream(double, items.values(), { checkpoint, batchSize: 10 })) all.push(result)
    expect(all).toEqual(items.map((n) => 2 * n))
    expect(state.ran.length).toBeLessThanOrEqual(300 - 59)
  })

  it('takes in what the sample of a plan has run', async () => {
    const checkpoint = { dir: newPath() }
    const { state, double } = recorder()
    const plan = await optimize(double, items, { checkpoint, useCache: false })
    expect(await plan.run()).toEqual(items.map((n) => 2 * n))
    state.ran = []
    expect(await execute(double, items, { checkpoint })).toEqual(items.map((n) => 2 * n))
    expect(state.ran).toEqual([])
  })

  describe('a plan that goes on where an earlier run was', () => {
    const sources: [string, () => Iterable<number> | AsyncIterable<number>][] = [
      ['an array', () => items],
      ['a generator', () => items.values()],
      [
        'an async generator',
        async function* () {
          yield* items
        },
      ],
    ]

    /** A run that has finished the first 60 items. */
    async function after60(): Promise<{ checkpoint: { dir: string } } & ReturnType<typeof recorder>> {
      const checkpoint = { dir: newPath() }
      const { state, double } = recorder()
      state.fails = (n) => n >= 60
      await execute(double, items, { checkpoint, onError: 'collect' })
      state.fails = () => false
      state.ran = []
      return { checkpoint, state, double }
    }

    it.each(sources)('runs nothing twice, sample or not: %s', async (_, source) => {
      const { checkpoint, state, double } = await after60()
      const plan = await optimize(double, source(), { checkpoint, useCache: false })
      expect(plan.profile.sampleSize).toBe(5)
      expect(await plan.run()).toEqual(items.map((n) => 2 * n))
      expect(state.ran.toSorted((a, b) => a - b)).toEqual(items.slice(60))
    })

    it('estimates what is left', async () => {
      const { checkpoint, double } = await after60()
      const { profile } = await optimize(double, items, { checkpoint, useCache: false })
      expect(profile.considered[0]!.estimatedMs / profile.itemMs).toBeCloseTo(300 - 60 - 5)
    })

    it('runs nothing where all is finished', async () => {
      const checkpoint = { dir: newPath() }
      const { state, double } = recorder()
      await execute(double, items, { checkpoint })
      state.ran = []
      const plan = await optimize(double, items, { checkpoint, useCache: false })
      expect(plan.profile.sampleSize).toBe(0)
      expect(plan.explain()).toMatch(/Plan: stay in this thread[^]*Why: nothing is left to run/)
      expect(await plan.run()).toEqual(items.map((n) => 2 * n))
      expect(state.ran).toEqual([])
    })

    it('runs what another has taken from the checkpoint meanwhile', async () => {
      const { checkpoint, state, double } = await after60()
      const plan = await optimize(double, items, { checkpoint, useCache: false })
      rmSync(checkpoint.dir, { recursive: true })
      state.ran = []
      expect(await plan.run()).toEqual(items.map((n) => 2 * n))
      expect(state.ran).toHaveLength(295)
    })

    it('gives the checkpoint up where it is of other items meanwhile', async () => {
      const checkpoint = { dir: newPath() }
      const { double } = recorder()
      const plan = await optimize(double, items, { checkpoint, useCache: false })
      const others = items.toReversed()
      await execute(double, others, { checkpoint })
      await expect(plan.run()).rejects.toThrow('item 0 is not the one that was finished')
      expect(await execute(double, others, { checkpoint })).toEqual(others.map((n) => 2 * n))
    })

    it('is refused before any item runs where the checkpoint is of another task or of other items', async () => {
      const { checkpoint, state, double } = await after60()
      await expect(optimize((n: number) => n + 1, items, { checkpoint, useCache: false })).rejects.toThrow(
        'belongs to another task',
      )
      await expect(optimize(double, items.toReversed(), { checkpoint, useCache: false })).rejects.toThrow(
        'item 0 is not the one that was finished',
      )
      expect(state.ran).toEqual([])
    })
  })
})

describe('execute in worker threads with a checkpoint', () => {
  const spin = (n: number): number => {
    let x = n
    for (let i = 0; i < 20_000; i++) x = (Math.imul(x, 31) + i) | 0
    return x
  }
  it.each([
    ['an array', Array.from({ length: 500 }, (_, i) => i)],
    ['a typed array', Float64Array.from({ length: 500 }, (_, i) => i)],
    ['objects', Array.from({ length: 500 }, (_, n) => ({ n }))],
  ])('keeps every result of %s', async (_, source) => {
    const checkpoint = { dir: newPath() }
    const task = source[0] === 0 ? spin : ({ n }: { n: number }): object => ({ n, ran: true })
    const run = async (): Promise<unknown[]> =>
      execute(task as (item: unknown) => unknown, source as unknown[], { checkpoint, mode: 'threads', workers: 2 })
    const results = await run()
    expect(results).toEqual(Array.from(source as unknown[], task as (item: unknown) => unknown))
    const log = readFileSync(join(checkpoint.dir, 'checkpoint.log'))
    expect(await run()).toEqual(results)
    // Nothing ran, so nothing was added.
    expect(readFileSync(join(checkpoint.dir, 'checkpoint.log')).equals(log)).toBe(true)
  })
})

describe('execute with dead letters', () => {
  it('writes each item that failed, also the one that ended the run', async () => {
    const deadLetter = newPath()
    const { state, double } = recorder()
    state.fails = (n) => n === 3
    await expect(execute(double, items, { deadLetter })).rejects.toThrow('not 3')
    expect(linesIn(deadLetter)).toMatchObject([
      { index: 3, item: 3, error: { name: 'RangeError', message: 'not 3' }, attempts: 1 },
    ])
    state.fails = (n) => n >= 298
    await execute(double, items, { deadLetter, onError: 'collect' })
    expect(linesIn(deadLetter).map(({ index }) => index)).toEqual([3, 298, 299])
  })

  it('fails before any item runs where the file cannot be written, and ends the run when the disk is full', async () => {
    const { state, double } = recorder()
    await expect(execute(double, items, { deadLetter: folder })).rejects.toBeInstanceOf(ExecutionError)
    expect(state.ran).toEqual([])
    if (process.platform !== 'linux') return
    state.fails = (n) => n === 100
    const error = await execute(double, items, { deadLetter: '/dev/full', onError: 'collect' }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ExecutionError)
    expect(error).toMatchObject({
      message: expect.stringContaining('ENOSPC') as string,
      deadLetter: '/dev/full',
      errors: [{ code: 'ENOSPC' }],
    })
    expect((error as ExecutionError).results.slice(0, 2)).toEqual([
      { status: 'fulfilled', value: 0 },
      { status: 'fulfilled', value: 2 },
    ])
  })

  it.runIf(existsSync('/dev/full'))('ends the run when the disk is full before workers come', async () => {
    const odd = (n: number): number => {
      if (n === 1) throw new Error('not 1')
      return n
    }
    const options = { mode: 'threads', mainThread: false, deadLetter: '/dev/full', onError: 'collect' } as const
    const plan = await optimize(odd, items, options)
    await expect(plan.run()).rejects.toThrow(/ENOSPC/)
  })
})

describe('options of what a run leaves behind', () => {
  it.each([
    [{ checkpoint: { dri: 'x' } }, /unknown checkpoint option 'dri'.*did you mean 'dir'/],
    [{ checkpoint: 'x' }, /checkpoint options must be an object/],
    [{ deadLetter: 5 }, /deadLetter must be a path/],
    [{ progress: 1 }, /progress must be true or false/],
  ])('are checked at once: %j', (options, why) => {
    expect(() => stream(Math.abs, items, options as never)).toThrow(why)
  })
})

describe('execute with onProgress', () => {
  it.each([['serial'], ['async'], [undefined]] as const)('tells how far it is, in mode %s', async (mode) => {
    const reports: Progress[] = []
    const wait = (n: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, 3, n))
    const startMs = performance.now()
    await execute(wait, items.slice(0, 150), { mode, onProgress: (progress) => reports.push(progress) })
    expect(reports.length).toBeLessThanOrEqual((performance.now() - startMs) / 100 + 1)
    for (const [i, report] of reports.slice(1).entries()) {
      expect(report.completed).toBeGreaterThanOrEqual(reports[i]!.completed)
      expect(report.percent).toBeGreaterThanOrEqual(reports[i]!.percent!)
    }
    expect(reports.at(-1)).toMatchObject({ completed: 150, failed: 0, total: 150, percent: 100, etaMs: 0 })
  })
})
