import { afterEach, expect, it, vi } from 'vitest'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { timeout } from 'amorsize'

afterEach(() => {
  vi.useRealTimers()
})

it('time limits follow fake timers that leave the clock alone', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const late = expect(timeout(5000).execute(() => new Promise(() => undefined))).rejects.toMatchObject({
    code: 'ERR_TIMEOUT_EXCEEDED',
  })
  await vi.advanceTimersByTimeAsync(4999)
  await vi.advanceTimersByTimeAsync(2)
  await late
})

it('a program whose timers are not those of Node, as where a browser is imitated, runs items in workers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-timers-'))
  const program = join(folder, 'program.cjs')
  const bundle = join(import.meta.dirname, '..', '..', 'dist', 'bundle', 'index.cjs')
  writeFileSync(
    program,
    `const { setTimeout: real, setInterval: realInterval } = globalThis
     const timers = []
     globalThis.setTimeout = (...args) => timers.push(real(...args))
     globalThis.setInterval = (...args) => timers.push(realInterval(...args))
     globalThis.clearTimeout = globalThis.clearInterval = (id) => clearImmediate(timers[id - 1])
     delete globalThis.setImmediate
     const { execute, RateLimiter } = require(${JSON.stringify(bundle)})
     const limiter = new RateLimiter({ name: 'amorsize-timers-' + process.pid, scope: 'machine', requestsPerSecond: 5 })
     execute((n) => n + 1, [1, 2], { mode: 'threads', mainThread: false }).then((results) => process.send([...results, limiter.tryAcquire()]))`,
  )
  const child = fork(program)
  expect((await once(child, 'message'))[0]).toEqual([2, 3, true])
  child.kill()
  rmSync(folder, { recursive: true })
})
