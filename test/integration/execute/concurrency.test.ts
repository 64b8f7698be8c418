// How many items are under way at once, in this thread and all workers: counted in memory that all threads share.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bulkhead,
  circuitBreaker,
  execute,
  optimize,
  rateLimit,
  retry,
  type ScheduleOptions,
  stream,
  task,
  type TaskReference,
} from 'amorsize'
import { describe, expect, it, onTestFinished } from 'vitest'
import { words } from '../../support/guarded.js'

interface Counted {
  readonly words: Int32Array
  readonly marks: Int32Array
  readonly n: number
  readonly waitMs: number
  readonly computeMs: number
}
type Way = (items: readonly Counted[], options: ScheduleOptions) => Promise<unknown[]>

const named = (name: string): TaskReference<Counted> =>
  task(new URL('../../fixtures/tasks/under-way.mjs', import.meta.url), name)
const waiting = named('waiting')
const promising = named('promising')
const computing = named('computing')
const cached = named('cached')

/** What is seen of many calls, as later runs go by what earlier ones have found. */
async function seenIn(
  run: Way,
  options: ScheduleOptions,
  { calls = 20, count = 16, waitMs = 2, computeMs = 1 } = {},
): Promise<{ readonly most: number; readonly here: number; readonly inWorkers: number }> {
  const seen = words(4)
  for (let call = 0; call < calls; call++) {
    const marks = words(count)
    const items = Array.from({ length: count }, (_, n) => ({ words: seen, marks, n, waitMs, computeMs }))
    const results = await run(items, options)
    expect(results).toHaveLength(count)
    expect(seen[0]).toBe(0)
  }
  const [, most = NaN, here = NaN, inWorkers = NaN] = seen
  return { most, here, inWorkers }
}

async function viaStream(items: readonly Counted[], options: ScheduleOptions, ordered: boolean): Promise<unknown[]> {
  const results: unknown[] = []
  for await (const result of stream(promising, items, { ...options, ordered })) results.push(result)
  return results
}

const ways: Record<string, Way> = {
  'of a function that does not say that it waits': (items, options) => execute(promising, items, options),
  'where some are at hand': (items, options) => execute(cached, items, options),
  'of plan.run': async (items, options) => (await optimize(waiting, items, { ...options, sampleSize: 12 })).run(),
  'of stream': (items, options) => viaStream(items, options, true),
  'of stream without order': (items, options) => viaStream(items, options, false),
}
const executed: Way = (items, options) => execute(waiting, items, options)
const caps: Record<string, ScheduleOptions> = {
  'concurrency: 4': { concurrency: 4 },
  'workers: 4': { workers: 4 },
  'workers: 2, concurrency: 4': { workers: 2, concurrency: 4 },
  'workers: 4, concurrency: 3': { workers: 4, concurrency: 3 },
}
const modes: Record<string, ScheduleOptions> = {
  'no mode': {},
  'mode async': { mode: 'async' },
  'mode threads': { mode: 'threads' },
  'threads without this one': { mode: 'threads', mainThread: false },
  'threads preferred': { prefer: 'threads' },
}
const allowed = ({ concurrency, workers = NaN }: ScheduleOptions): number => concurrency ?? workers

describe.each(Object.entries(caps))('with %s never more items are under way', { timeout: 60_000 }, (_, cap) => {
  it.each(Object.entries(modes))('in %s', async (__, mode) => {
    expect((await seenIn(executed, { ...cap, ...mode })).most).toBeLessThanOrEqual(allowed(cap))
  })

  it.each(Object.entries(ways))('%s', async (__, run) => {
    for (const mode of Object.values(modes))
      expect((await seenIn(run, { ...cap, ...mode }, { calls: 4 })).most).toBeLessThanOrEqual(allowed(cap))
  })

  it.each<[string, () => ScheduleOptions]>([
    ['a retry', () => ({ policies: [retry({ initialDelayMs: 1 })] })],
    ['a breaker', () => ({ policies: [circuitBreaker()] })],
    ['a bulkhead', () => ({ policies: [bulkhead({ maxConcurrent: 100 })] })],
    ['a rate', () => ({ policies: [rateLimit({ requestsPerSecond: 1e5 })] })],
    ['a time limit', () => ({ timeoutMs: 60_000 })],
    ['failures collected', () => ({ onError: 'collect' })],
    ['no memory of earlier runs', () => ({ useCache: false })],
    ['small chunks', () => ({ chunkSize: 2 })],
  ])('with %s', async (__, more) => {
    const run: Way = (items, options) => execute(promising, items, options)
    for (const mode of Object.values(modes))
      expect((await seenIn(run, { ...cap, ...mode, ...more() }, { calls: 3 })).most).toBeLessThanOrEqual(allowed(cap))
  })

  it('with a checkpoint', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'amorsize-concurrency-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    for (const [name, mode] of Object.entries(modes)) {
      const run: Way = (items, options) =>
        execute(promising, items, { ...options, checkpoint: { dir, name: name.replaceAll(' ', '-') } })
      expect((await seenIn(run, { ...cap, ...mode }, { calls: 1 })).most).toBeLessThanOrEqual(allowed(cap))
    }
  })

  it('when workers join this thread', async () => {
    // Some that are there join within the run; without a memory each run begins in this thread.
    await seenIn(executed, { mode: 'threads', workers: 2, mainThread: false }, { calls: 1 })
    const options: ScheduleOptions = { ...cap, prefer: 'threads', useCache: false }
    const { most, here } = await seenIn(executed, options, { calls: 3, count: 100, computeMs: 2 })
    expect(most).toBeLessThanOrEqual(allowed(cap))
    expect(here).toBeGreaterThan(0)
  })

  it('when a worker has died', async () => {
    const run: Way = (items, options) => execute(named('deadly'), items, options)
    const { most, inWorkers } = await seenIn(run, { ...cap, mode: 'threads', mainThread: false }, { calls: 4 })
    expect(most).toBeLessThanOrEqual(allowed(cap))
    expect(inWorkers).toBeGreaterThan(4 * 16)
  })

  it('when this thread runs items once more', async () => {
    const flaky: Way = (items, options) => execute(named('flaky'), items, { ...options, degrade: 'serial' })
    const unsendable: Way = (items, options) => execute(named('unsendable'), items, options)
    const failed = await seenIn(flaky, { ...cap, mode: 'threads', mainThread: false }, { calls: 4 })
    expect(failed.here).toBe(4 * 16)
    const unsent = await seenIn(unsendable, { ...cap, prefer: 'threads' }, { calls: 4 })
    for (const { most } of [failed, unsent]) expect(most).toBeLessThanOrEqual(allowed(cap))
  })
})

it.each<ScheduleOptions>([{ concurrency: 1 }, { concurrency: 2 }, { concurrency: 3 }, { workers: 1 }, { workers: 2 }])(
  'items that compute count for %o, too',
  { timeout: 60_000 },
  async (cap) => {
    const run: Way = (items, options) => execute(computing, items, options)
    const here: ScheduleOptions = { prefer: 'threads', mainThread: true, useCache: false }
    for (const mode of [...Object.values(modes), here])
      expect((await seenIn(run, { ...cap, ...mode }, { calls: 6, count: 40 })).most).toBeLessThanOrEqual(allowed(cap))
  },
)

it('as many are under way as are allowed', { timeout: 60_000 }, async () => {
  const here: ScheduleOptions[] = [
    { concurrency: 6 },
    { mode: 'async', workers: 6 },
    { mode: 'async', workers: 2, concurrency: 6 },
  ]
  const inThreads: ScheduleOptions = { mode: 'threads', workers: 2, concurrency: 6, mainThread: false }
  const run: Way = (items, options) => execute(named('gathering'), items, options)
  for (const options of [...here, inThreads])
    expect((await seenIn(run, options, { calls: 2, count: 24, waitMs: 6 })).most).toBe(6)
})

it('a plan has no more workers, or items in flight, than are allowed', async () => {
  const items = Array.from({ length: 40 }, (_, n) => ({ words: words(4), marks: words(1), n, waitMs: 1, computeMs: 0 }))
  for (const [options, workers] of [
    [{ mode: 'threads', workers: 4, concurrency: 3 }, 3],
    [{ mode: 'threads', concurrency: 1 }, 1],
    [{ mode: 'async', workers: 4, concurrency: 20 }, 20],
    [{ mode: 'async', workers: 4 }, 4],
  ] as const)
    expect((await optimize(waiting, items, options)).workers).toBe(workers)
})

it('has no more workers than can have an item', async () => {
  const started = new Set<number>()
  const hooks = { onWorkerStart: ({ worker }: { readonly worker: number }) => started.add(worker) }
  await seenIn(executed, { mode: 'threads', workers: 4, concurrency: 2, hooks }, { calls: 1 })
  expect(started.size).toBeLessThanOrEqual(2)
})
