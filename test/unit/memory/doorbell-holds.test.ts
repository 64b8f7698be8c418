import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

type DoorbellModule = typeof import('../../../dist/memory/shared/doorbell.js')

const NATIVE = '../../../dist/internal/native.js'
const REAL_TIMERS = '../../../dist/internal/time/real-timers.js'
const POLL_MS = 5

/** The module with a doorbell of its own, as it is where `addon` has been loaded, or none. */
async function moduleWith(addon: object | null): Promise<DoorbellModule> {
  vi.doMock(NATIVE, () => ({ nativeAddon: () => addon }))
  // Those that a test has faked stand for Node's.
  vi.doMock(REAL_TIMERS, () => ({ realSetInterval: setInterval, realClearInterval: clearInterval }))
  vi.resetModules()
  return await import('../../../dist/memory/shared/doorbell.js')
}

afterEach(() => {
  vi.doUnmock(NATIVE)
  vi.doUnmock(REAL_TIMERS)
  vi.resetModules()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a doorbell without the addon', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(globalThis, 'setInterval')
  })

  /** Whether the one poll there is keeps the process alive; undefined if there is none. */
  function holdsProcess(): boolean | undefined {
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
    if (vi.getTimerCount() === 0) return undefined
    return (vi.mocked(setInterval).mock.results.at(-1)?.value as NodeJS.Timeout).hasRef()
  }

  it('is none, and can be rung', async () => {
    const { doorbell, NO_DOORBELL, ring, ringOthers } = await moduleWith(null)
    expect(doorbell.id).toBe(NO_DOORBELL)
    ring(1)
    ringOthers()
  })

  it('calls all listeners by one timer, as long as there is one, and holds no process', async () => {
    const { doorbell } = await moduleWith(null)
    const calls = { one: 0, other: 0 }
    const off = [doorbell.onRing(() => calls.one++), doorbell.onRing(() => calls.other++)] as const
    expect(holdsProcess()).toBe(false)
    vi.advanceTimersByTime(POLL_MS)
    expect(calls).toEqual({ one: 1, other: 1 })
    off[0]()
    vi.advanceTimersByTime(POLL_MS)
    expect(calls).toEqual({ one: 1, other: 2 })
    off[1]()
    expect(holdsProcess()).toBeUndefined()
    const offAgain = doorbell.onRing(() => calls.one++)
    vi.advanceTimersByTime(POLL_MS)
    expect(calls).toEqual({ one: 2, other: 2 })
    offAgain()
  })

  it('holds the process until everybody that held it has let go', async () => {
    const { doorbell } = await moduleWith(null)
    const off = doorbell.onRing(() => undefined)
    for (let round = 0; round < 2; round++) {
      doorbell.hold()
      expect(holdsProcess()).toBe(true)
      doorbell.hold()
      doorbell.letGo()
      expect(holdsProcess()).toBe(true)
      doorbell.letGo()
      expect(holdsProcess()).toBe(false)
    }
    off()
  })

  it('may be held before anybody listens, and let go when nobody does any more', async () => {
    const { doorbell } = await moduleWith(null)
    doorbell.hold()
    const off = doorbell.onRing(() => undefined)
    expect(holdsProcess()).toBe(true)
    off()
    doorbell.letGo()
    const offAgain = doorbell.onRing(() => undefined)
    expect(holdsProcess()).toBe(false)
    offAgain()
  })
})

it('a doorbell of the addon is opened once, held once for all, and polls nothing', async () => {
  vi.useFakeTimers()
  const told: unknown[] = []
  let answer: (() => void) | undefined
  const { doorbell, ring, ringOthers } = await moduleWith({
    doorbellOpen: (callback: () => void) => {
      told.push('open')
      answer = callback
      return 7
    },
    doorbellHold: (id: number, on: boolean) => void told.push(['hold', id, on]),
    doorbellRing: (id: number) => void told.push(['ring', id]),
    doorbellRingOthers: (id: number) => void told.push(['ring others than', id]),
  })
  let calls = 0
  const off = doorbell.onRing(() => calls++)
  expect([doorbell.id, vi.getTimerCount()]).toEqual([7, 0])
  answer?.()
  expect(calls).toBe(1)
  doorbell.hold()
  doorbell.hold()
  doorbell.letGo()
  expect(told).toEqual(['open', ['hold', 7, true]])
  doorbell.letGo()
  off()
  ring(9)
  ringOthers()
  expect(told.slice(2)).toEqual([
    ['hold', 7, false],
    ['ring', 9],
    ['ring others than', 7],
  ])
})
