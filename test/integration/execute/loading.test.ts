import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { execute, task } from 'amorsize'
import { expect, it } from 'vitest'

/** This thread runs nothing. */
const apart = { mode: 'threads', mainThread: false } as const

it('a module that never ends to load in workers leaves its items to this thread, in each run', async () => {
  const url = new URL('../../fixtures/tasks/never-loads.mjs', import.meta.url)
  const where = task<number, number>(url, 'whereAfter5Ms')
  const items = Array.from({ length: 20 }, (_, n) => n)
  // The first run has workers started; later ones begin with those, once they seem to be worth it.
  for (let run = 0; run < 8; run++) expect(await execute(where, items)).toEqual(items.map(() => threadId))
}, 20_000)

it('a run whose module does not end to load keeps no other from workers, where this thread runs nothing', async () => {
  const url = new URL('../../fixtures/tasks/never-loads.mjs?apart', import.meta.url)
  const items = Array.from({ length: 10 }, (_, n) => n)
  const ending = new AbortController()
  const never = execute(task<number>(url, 'whereAfter5Ms'), items, { ...apart, signal: ending.signal })
  await sleep(200)
  const where = task<number, number>(new URL('../../fixtures/tasks/leaves-work.mjs', import.meta.url), 'where')
  const found = await execute(where, items, apart)
  expect(found).not.toContain(threadId)
  ending.abort()
  await expect(never).rejects.toThrow('aborted')
}, 20_000)

it('what an item has left behind in its worker keeps no item of the next run', async () => {
  const url = new URL('../../fixtures/tasks/leaves-work.mjs', import.meta.url)
  const shared = new Int32Array(new SharedArrayBuffer(12))
  // Workers of this size are a pool of their own: no other is there that could run the items.
  const alone = { mode: 'threads', workers: 1, maxMemoryPerWorker: 2 ** 28 } as const
  const leaveWork = task<Int32Array, number>(url, 'leaveWork')
  const [busy] = await execute(leaveWork, [shared, shared], { ...alone, mainThread: false })
  // The worker has to be at it, but not before it has said that its items have ended.
  Atomics.store(shared, 2, 1)
  while (Atomics.load(shared, 0) === 0) await sleep(5)
  const items = Array.from({ length: 20 }, (_, n) => n)
  const found = await execute(task<number, number>(url, 'where'), items, { ...alone, chunkSize: 2 })
  Atomics.store(shared, 1, 1)
  Atomics.notify(shared, 1)
  expect(busy).not.toBe(threadId)
  expect(found).toEqual(items.map(() => threadId))
}, 20_000)

it.skipIf(process.platform !== 'linux')(
  'many such modules keep no more threads than twice the cores (needs /proc)',
  async () => {
    const threads = (): number => readdirSync('/proc/self/task').length
    const items = Array.from({ length: 10 }, (_, n) => n)
    const before = threads()
    for (let each = 0; each < 25; each++) {
      const url = new URL(`../../fixtures/tasks/never-loads.mjs?${each}`, import.meta.url)
      await execute(task<number>(url, 'whereAfter5Ms'), items, { mode: 'threads', workers: 1 })
    }
    expect(threads() - before).toBeLessThanOrEqual(2 * availableParallelism() + 3)
  },
  20_000,
)

it('a module that workers could not load for a while is loaded by others later', async () => {
  const double = task<number, number>(new URL('../../fixtures/tasks/needs-ready.mjs', import.meta.url), 'double')
  const run = () => execute(double, [1, 2, 3], { ...apart, workers: 1 })
  await expect(run()).rejects.toThrow('not ready')
  process.env['AMORSIZE_TEST_READY'] = '1'
  try {
    await expect(run()).rejects.toThrow('not ready')
    await sleep(2100) // so long the refusal stands
    // It is said once more, by the worker that goes.
    await expect(run()).rejects.toThrow('not ready')
    expect(await run()).toEqual([2, 4, 6])
  } finally {
    delete process.env['AMORSIZE_TEST_READY']
  }
})
