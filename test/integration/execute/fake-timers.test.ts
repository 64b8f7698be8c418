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

it('needs no setImmediate of the program: Jest takes it away where it imitates a browser', () => {
  const program = `
    delete globalThis.setImmediate
    const { bulkhead, execute, RateLimiter } = await import('amorsize')
    const busy = (n) => { const endMs = performance.now() + 1; while (performance.now() < endMs); return n }
    const numbers = Array.from({ length: 30 }, (_, n) => n)
    const held = await execute(busy, numbers, { policies: [bulkhead({ maxConcurrent: 2 })] })
    const doubled = await execute((n) => 2 * n, [1, 2], { mode: 'threads' })
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1 })
    for (let i = 0; i < 3; i++) await limiter.acquire()
    console.log(held.length, doubled)`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 20_000,
    encoding: 'utf8',
  })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '30 [ 2, 4 ]\n', stderr: '' })
}, 30_000)
