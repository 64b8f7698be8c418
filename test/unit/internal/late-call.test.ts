import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { LateCall } from '../../../dist/internal/time/late-call.js'

afterEach(() => vi.useRealTimers())

it('comes once, however often it was asked for, and again if it is asked for again', async () => {
  let calls = 0
  const late = new LateCall(() => calls++)
  late.ask()
  late.ask()
  expect(calls).toBe(0)
  await immediate()
  expect(calls).toBe(1)
  await immediate()
  expect(calls).toBe(1)
  late.ask()
  await immediate()
  expect(calls).toBe(2)
})

it('may be asked for in itself', async () => {
  let calls = 0
  const late: LateCall = new LateCall(() => {
    if (++calls < 3) late.ask()
  })
  late.ask()
  for (const expected of [1, 2, 3, 3]) {
    await immediate()
    expect(calls).toBe(expected)
  }
})

const kinds: [string, number | undefined, 'setImmediate' | 'setTimeout'][] = [
  ['in the next turn', undefined, 'setImmediate'],
  ['after a time', 5, 'setTimeout'],
]

it.each(kinds)('%s is asked for by one function only, and once while it is due', async (_, ms, name) => {
  let calls = 0
  const late = new LateCall(() => calls++, ms)
  const others = name === 'setImmediate' ? 'setTimeout' : 'setImmediate'
  const spies = [vi.spyOn(globalThis, name), vi.spyOn(globalThis, others)]
  late.ask()
  late.ask()
  expect(spies.map(({ mock }) => mock.calls.length)).toEqual([1, 0])
  vi.restoreAllMocks()
  // By Node's own, too.
  await vi.waitFor(() => expect(calls).toBe(1))
  await new Promise((resolve) => setTimeout(resolve, 2 * (ms ?? 0)))
  await immediate()
  expect(calls).toBe(1)
})

it.each(kinds)('comes %s by Node’s own functions alone', async (_, ms) => {
  let calls = 0
  const late = new LateCall(() => calls++, ms)
  late.ask()
  if (ms !== undefined) {
    await immediate()
    expect(calls).toBe(0)
  }
  await vi.waitFor(() => expect(calls).toBe(1))
})

it.each(kinds)('comes once %s where fake timers come and go meanwhile, advanced or thrown away', async (_, ms) => {
  let calls = 0
  const late = new LateCall(() => calls++, ms)
  const comes = (count: number): Promise<void> => vi.waitFor(() => expect(calls).toBe(count))
  const fake = (): unknown => vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout'] })
  fake()
  late.ask()
  vi.advanceTimersByTime(10)
  expect(calls).toBe(1)
  late.ask()
  vi.useRealTimers()
  await comes(2)
  late.ask()
  fake()
  // Asked of the fakes, too, but it comes by Node's own.
  late.ask()
  vi.useRealTimers()
  await comes(3)
  await immediate()
  expect(calls).toBe(3)
})

it('is not taken for one that was asked for later: a fake clock may still hold the earlier one', async () => {
  let calls = 0
  const late = new LateCall(() => calls++)
  vi.useFakeTimers({ toFake: ['setImmediate'] })
  late.ask()
  await immediate()
  expect(calls).toBe(1)
  late.ask()
  vi.runAllTimers()
  expect(calls).toBe(2)
  await immediate()
  expect(calls).toBe(2)
})
