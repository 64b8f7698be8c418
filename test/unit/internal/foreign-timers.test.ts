import { afterEach, expect, it, vi } from 'vitest'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { timeout } from 'amorsize'
import { machineName } from '../../support/machine.js'
import { itWithAddon } from '../../support/native.js'

const bundle = join(import.meta.dirname, '../../..', 'dist', 'bundle', 'index.cjs')

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

it('time limits, delays and hedges follow the timers of node:test', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-node-test-'))
  const file = join(folder, 'timers.test.cjs')
  writeFileSync(
    file,
    `const test = require('node:test')
     const { hedge, retry, timeout } = require(${JSON.stringify(bundle)})
     const turn = () => new Promise((resolve) => setImmediate(resolve))
     const cases = {
       timeout: () => timeout(5000).execute(() => new Promise(() => {})).catch(() => undefined),
       retry: () => {
         let calls = 0
         return retry({ maxRetries: 1, initialDelayMs: 5000, jitter: 'none' }).execute(async () => {
           if (calls++ === 0) throw new Error('the first')
         })
       },
       hedge: () => {
         let calls = 0
         return hedge({ afterMs: 5000 }).execute(() => (calls++ === 0 ? new Promise(() => {}) : undefined))
       },
     }
     for (const [name, begin] of Object.entries(cases))
       test(name, async (t) => {
         t.mock.timers.enable({ apis: ['setTimeout'] })
         const settled = begin()
         await turn()
         t.mock.timers.tick(5001)
         await settled
       })`,
  )
  const child = fork(file, { silent: true })
  const said: unknown[] = []
  child.stdout?.on('data', (chunk) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number]
  expect(code, said.join('')).toBe(0)
  expect(said.join('')).toMatch(/pass 3/)
  rmSync(folder, { recursive: true })
})

itWithAddon(
  'a program whose timers are not those of Node, as where a browser is imitated, runs items in workers',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'amorsize-timers-'))
    const program = join(folder, 'program.cjs')
    writeFileSync(
      program,
      `const { setTimeout: real, setInterval: realInterval } = globalThis
     const timers = []
     globalThis.setTimeout = (...args) => timers.push(real(...args))
     globalThis.setInterval = (...args) => timers.push(realInterval(...args))
     globalThis.clearTimeout = globalThis.clearInterval = (id) => clearImmediate(timers[id - 1])
     delete globalThis.setImmediate
     const { execute, RateLimiter } = require(${JSON.stringify(bundle)})
     const limiter = new RateLimiter({ name: ${JSON.stringify(machineName())}, scope: 'machine', requestsPerSecond: 5 })
     execute((n) => n + 1, [1, 2], { mode: 'threads', mainThread: false }).then((results) => process.send([...results, limiter.tryAcquire()]))`,
    )
    const child = fork(program)
    expect((await once(child, 'message'))[0]).toEqual([2, 3, true])
    child.kill()
    rmSync(folder, { recursive: true })
  },
)
