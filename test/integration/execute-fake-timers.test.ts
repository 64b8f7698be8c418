import { afterEach, expect, it, vi } from 'vitest'
import { execute, stream } from 'amorsize'

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
