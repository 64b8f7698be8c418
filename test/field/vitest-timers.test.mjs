import { afterEach, describe, expect, it, vi } from 'vitest'
import { moment, settles, unsettled, waits } from './support/fake-timers.mjs'

afterEach(() => vi.useRealTimers())

const names = Object.keys(waits)
const everything = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'performance',
  'queueMicrotask',
]
const ways = { 'as by default': undefined, everything: { toFake: everything } }

describe.each(Object.entries(ways))("Vitest's fake timers, %s", (_, config) => {
  it.each(names)('%s that waits while they are faked settles with the real ones', async (name) => {
    vi.useFakeTimers(config)
    const waiting = waits[name]()
    waiting.catch(() => {})
    await moment()
    vi.useRealTimers()
    expect(await unsettled()).toEqual([])
    expect(await settles(waiting)).toBe(true)
  })

  it.each(names)('%s that began before settles when the timers are real again', async (name) => {
    const waiting = waits[name]()
    waiting.catch(() => {})
    vi.useFakeTimers(config)
    const meanwhile = names.map((each) => waits[each]())
    meanwhile.forEach((each) => each.catch(() => {}))
    await moment()
    vi.useRealTimers()
    expect(await settles(waiting)).toBe(true)
    for (const each of meanwhile) expect(await settles(each)).toBe(true)
    expect(await unsettled()).toEqual([])
  })

  it('many rounds leave nothing behind', async () => {
    for (let round = 0; round < 20; round++) {
      vi.useFakeTimers(config)
      const waiting = names.map((name) => waits[name]())
      waiting.forEach((each) => each.catch(() => {}))
      if (round % 3 === 0) await moment()
      if (round % 3 === 1) await vi.advanceTimersByTimeAsync(5)
      if (round % 3 === 2) vi.clearAllTimers()
      vi.useRealTimers()
    }
    expect(await unsettled()).toEqual([])
  })
})
