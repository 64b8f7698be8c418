import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sinon from 'sinon'
import { withRetry } from 'amorsize'
import { afterEach, describe, expect, it } from 'vitest'
import { moment, settles, unsettled, waits } from './support/fake-timers.mjs'

let clock
afterEach(() => clock?.restore())

// All but nextTick and queueMicrotask: the runner of these tests hears from its parent process by them.
const toFake = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'hrtime',
  'performance',
]

const ways = {
  everything: () => sinon.useFakeTimers({ toFake }),
  'only setTimeout': () => sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }),
  'going on by themselves': () => sinon.useFakeTimers({ toFake, shouldAdvanceTime: true, advanceTimeDelta: 5 }),
}

describe.each(Object.entries(ways))("Sinon's fake timers, %s", (_, fake) => {
  it.each(Object.keys(waits))('%s that waits while they are faked settles with the real ones', async (name) => {
    clock = fake()
    const waiting = waits[name]()
    waiting.catch(() => {})
    await moment()
    clock.restore()
    expect(await unsettled()).toEqual([])
    expect(await settles(waiting)).toBe(true)
  })

  it('a clock that is moved far, and thrown away', async () => {
    clock = fake()
    const waiting = Object.keys(waits).map((name) => waits[name]())
    waiting.forEach((each) => each.catch(() => {}))
    await clock.tickAsync(100_000)
    clock.restore()
    for (const each of waiting) expect(await settles(each)).toBe(true)
    expect(await unsettled()).toEqual([])
  })
})

it('a checkpoint that another run has is refused while time stands still, in CommonJS as well', async () => {
  // There Sinon fakes Node's timers/promises, too.
  const require = createRequire(import.meta.url)
  const { execute } = require('amorsize')
  const dir = mkdtempSync(join(tmpdir(), 'amorsize-field-'))
  const checkpoint = { dir }
  let end
  const held = new Promise((resolve) => (end = resolve))
  try {
    let started
    const isHeld = new Promise((resolve) => (started = resolve))
    const first = execute(() => (started(), held), [1], { checkpoint })
    await isHeld
    clock = require('sinon').useFakeTimers({ toFake })
    const second = execute(() => 2, [1], { checkpoint })
    second.catch(() => {})
    expect(await settles(second)).toBe(true)
    await expect(second).rejects.toThrow('is in use by')
    clock.restore()
    end(1)
    expect(await first).toEqual([1])
  } finally {
    rmSync(dir, { recursive: true })
  }
})

describe("Sinon's stubs and spies", () => {
  it('count the calls behind a policy, and keep their own methods', async () => {
    const stub = sinon.stub()
    stub.onFirstCall().rejects(new Error('once'))
    stub.resolves(42)
    const guarded = withRetry({ maxRetries: 1, initialDelayMs: 1 })(stub)
    expect(await guarded('a', 1)).toBe(42)
    sinon.assert.calledTwice(stub)
    sinon.assert.alwaysCalledWithExactly(stub, 'a', 1)
  })

  it('can stand for a guarded method', async () => {
    class Client {
      load = withRetry()(async () => 'real')
    }
    const client = new Client()
    const spy = sinon.spy(client, 'load')
    expect(await client.load(1)).toBe('real')
    sinon.assert.calledOnceWithExactly(spy, 1)
    spy.restore()
    sinon.stub(client, 'load').resolves('stubbed')
    expect(await client.load()).toBe('stubbed')
    sinon.restore()
    expect(await client.load()).toBe('real')
  })
})
