import { spawnSync } from 'node:child_process'
import { afterEach, expect, it, vi } from 'vitest'
import { execute, stream, TimeoutExceededError } from 'amorsize'

afterEach(() => vi.useRealTimers())

const items = Array.from({ length: 100 }, (_, i) => i)

it('learns from runs while fake timers hold performance, which then only knows the time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const double = async (x: number): Promise<number> => Promise.resolve(2 * x)
  const expected = items.map((x) => 2 * x)
  // What a run has taught is put together as the next one begins.
  for (let run = 0; run < 3; run++) expect(await execute(double, items)).toEqual(expected)
  const read: number[] = []
  for await (const result of stream(double, items)) read.push(result)
  expect(read).toEqual(expected)
})

it('lets the process end where fake timers came while workers were at work, which cannot clear those of Node', async () => {
  const program = `
    import { execute } from 'amorsize'
    const { setInterval, clearInterval } = globalThis
    const onWorkerStart = () => Object.assign(globalThis, { setInterval: () => 0, clearInterval: () => {} })
    await execute((x) => x, [1, 2], { mode: 'threads', workers: 1, mainThread: false, hooks: { onWorkerStart } })
    Object.assign(globalThis, { setInterval, clearInterval })`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
  expect(status).toBe(0)
}, 30_000)

it('ends a worker whose item takes too long although timers are fake', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] })
  const run = execute(
    () => {
      for (;;);
    },
    [1],
    { timeoutMs: 20 },
  )
  await expect(run).rejects.toThrow(TimeoutExceededError)
})
