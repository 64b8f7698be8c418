import { inspect } from 'node:util'
import { memoryPressure, type MemoryFacts, systemInfo } from 'amorsize/system'
import { describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../../../dist/testing/index.js'

const LIMIT = 1000
const at = (workingSetBytes: number | null, more: Partial<MemoryFacts> = {}): MemoryFacts => ({
  workingSetBytes,
  effectiveLimitBytes: LIMIT,
  oomKills: null,
  ...more,
})

/** Watches memory that a test sets. */
function watched(first: MemoryFacts, options: { highRatio?: number; intervalMs?: number } = {}) {
  const clock = new FakeClock()
  const heard: string[] = []
  let memory = first
  const pressure = memoryPressure({
    ...options,
    clock,
    read: () => memory,
    onHigh: ({ ratio }) => heard.push(`high ${ratio}`),
    onLow: ({ ratio }) => heard.push(`low ${ratio}`),
  })
  const next = async (facts: MemoryFacts) => {
    memory = facts
    await clock.advance(options.intervalMs ?? 500)
    return pressure.isHigh
  }
  return { pressure, heard, next, clock }
}

describe('memoryPressure', () => {
  it('tells once when memory becomes short, and once when that is over', async () => {
    const { heard, next } = watched(at(500), { highRatio: 0.8 })
    expect(await next(at(800))).toBe(false)
    expect(await next(at(801))).toBe(true)
    expect(await next(at(900))).toBe(true)
    expect(await next(at(751))).toBe(true)
    expect(await next(at(750))).toBe(false)
    expect(heard).toEqual(['high 0.801', 'low 0.75'])
  })

  it('shows how memory is', async () => {
    const { pressure, next } = watched(at(500), { highRatio: 0.8 })
    expect(inspect(pressure)).toBe('MemoryPressure { highRatio: 0.8, isHigh: false, ratio: 0.5 }')
    await next(at(900))
    expect(inspect(pressure)).toBe('MemoryPressure { highRatio: 0.8, isHigh: true, ratio: 0.9 }')
  })

  it('is over again below any ratio', async () => {
    const { next } = watched(at(10), { highRatio: 0.04 })
    expect(await next(at(41))).toBe(true)
    expect(await next(at(21))).toBe(true)
    expect(await next(at(20))).toBe(false)
  })

  it.each<[string, Partial<MemoryFacts>, number | null]>([
    ['the working set of a group with a limit', { workingSetBytes: 600, totalBytes: 5000, availableBytes: 1 }, 0.6],
    ["the machine's memory where there is no other limit", { totalBytes: LIMIT, availableBytes: 50 }, 0.95],
    [
      'all that is not available where nobody knows what the group uses',
      { workingSetBytes: null, availableBytes: 100 },
      0.9,
    ],
    ['never less than nothing', { totalBytes: LIMIT, availableBytes: 1200 }, 0],
    [
      'the working set where nobody knows the rest',
      { totalBytes: LIMIT, availableBytes: null, workingSetBytes: 500 },
      0.5,
    ],
    ['nothing where nothing is known', { workingSetBytes: null, availableBytes: null }, null],
    ['nothing without a limit', { effectiveLimitBytes: null, availableBytes: 10 }, null],
  ])('judges by %s', (_, facts, ratio) => {
    const { pressure } = watched(at(100, facts))
    if (ratio === null) expect(pressure.ratio).toBeNull()
    else expect(pressure.ratio).toBeCloseTo(ratio, 9)
  })

  it('looks at once', () => {
    const { pressure, heard } = watched(at(950))
    expect(pressure).toMatchObject({ isHigh: true, ratio: 0.95 })
    expect(heard).toEqual(['high 0.95'])
  })

  it('hears of processes that the kernel has killed', async () => {
    const { next } = watched(at(500, { oomKills: 3 }))
    expect(await next(at(500, { oomKills: 3 }))).toBe(false)
    expect(await next(at(500, { oomKills: 4 }))).toBe(true)
    expect(await next(at(500, { oomKills: 4 }))).toBe(false)
    // The file could not be read, and then could: nothing has happened in between, as far as is known.
    expect(await next(at(500))).toBe(false)
    expect(await next(at(500, { oomKills: 9 }))).toBe(false)
  })

  it('does not mind how often the limit was met: page cache meets it all the time', async () => {
    const facts = (events: number) => ({ ...at(500), highEvents: events, maxEvents: events })
    const { next } = watched(facts(1))
    expect(await next(facts(1000))).toBe(false)
  })

  it('is never high where nothing is known', async () => {
    const { pressure, next } = watched(at(null))
    expect(pressure.ratio).toBeNull()
    expect(await next(at(5000, { effectiveLimitBytes: null }))).toBe(false)
  })

  it('looks no more once it is closed, be it by its own listener', async () => {
    const clock = new FakeClock()
    const read = vi.fn(() => at(950))
    const pressure = memoryPressure({ clock, read, onHigh: (now) => now.close() })
    await clock.advance(5000)
    expect(read).toHaveBeenCalledTimes(1)
    pressure.close()
    pressure[Symbol.dispose]()
    expect(clock.pendingTimers).toBe(0)
  })

  it('reads the memory of this process', () => {
    using pressure = memoryPressure()
    const { workingSetBytes, availableBytes, effectiveLimitBytes } = systemInfo().memory
    const isKnown = effectiveLimitBytes !== null && (workingSetBytes ?? availableBytes) !== null
    expect(pressure.ratio !== null).toBe(isKnown)
  })

  it.each([
    [{ highRatio: 0 }, RangeError, 'highRatio must be'],
    [{ highRatio: 1.1 }, RangeError, 'highRatio must be'],
    [{ intervalMs: 49 }, RangeError, 'intervalMs must be'],
    [{ onHigh: 1 }, TypeError, 'onHigh must be'],
    [{ clock: {} }, TypeError, 'clock must'],
    [{ highratio: 0.5 }, TypeError, 'highRatio'],
  ])('refuses %j', (options, type, message) => {
    expect(() => memoryPressure(options as never)).toThrow(type)
    expect(() => memoryPressure(options as never)).toThrow(message)
  })
})
