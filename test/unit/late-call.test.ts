import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { LateCall } from '../../dist/internal/late-call.js'

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

it.each([
  ['in the next turn', undefined],
  ['after a time', 1],
])(
  'comes once %s where fake timers come and go meanwhile, whether they were advanced or thrown away',
  async (_, ms) => {
    let calls = 0
    const late = new LateCall(() => calls++, ms)
    const comes = (count: number): Promise<void> => vi.waitFor(() => expect(calls).toBe(count))
    vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout'] })
    late.ask()
    vi.advanceTimersByTime(10)
    expect(calls).toBe(1)
    late.ask()
    vi.useRealTimers()
    await comes(2)
    late.ask()
    vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout'] })
    // Asked of the fakes, too, but it comes by Node's own.
    late.ask()
    vi.useRealTimers()
    await comes(3)
    await immediate()
    expect(calls).toBe(3)
  },
)
