import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { execute, optimize } from '../../../dist/index.js'
import { measuredOf, ownOf, runSample, SampleItem } from '../../../dist/execute/schedule/sample.js'
import { Timing } from '../../../dist/execute/schedule/timing.js'
import { seen } from '../support/scheduling.js'

/** What the system tells of time: of the wall, of the process on its cores, and how busy the event loop was. */
let nowMs = 0
let cpuMs = 0
let utilization = 1

beforeEach(() => {
  nowMs = 1000
  cpuMs = 0
  utilization = 1
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({ idle: 0, active: 0, utilization }))
  vi.spyOn(process, 'cpuUsage').mockImplementation((before) => ({
    user: 750 * cpuMs - (before?.user ?? 0),
    system: 250 * cpuMs - (before?.system ?? 0),
  }))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const passes = (ms: number, ofCpu = ms): void => {
  nowMs += ms
  cpuMs += ofCpu
}
const sampleOf = (items: readonly unknown[], call: (item: unknown) => unknown) =>
  runSample(
    call,
    items.map((item) => new SampleItem(item)),
  )
/** Of a task that takes as many milliseconds as its item says. */
const taking = (...times: number[]) => sampleOf(times, (ms) => passes(ms as number))

describe('what a sample says of the time that items take', () => {
  it('leaves out the first, which pays for compiling the task, if there are two more', async () => {
    expect(await taking(10, 2, 2)).toMatchObject({ sampleSize: 3, itemMs: 2, coldMs: 8 })
    expect(await taking(2, 10, 10)).toMatchObject({ sampleSize: 3, itemMs: 10, coldMs: 0 })
    expect(await taking(7)).toMatchObject({ sampleSize: 1, itemMs: 7, coldMs: 0 })
    const { itemMs, coldMs } = await taking(10, 4)
    expect([itemMs, coldMs]).toEqual([4, 6])
    expect((await taking(4, 10)).itemMs).toBeCloseTo(7, 6)
  })

  it('is nothing without items', async () => {
    expect(await taking()).toMatchObject({ sampleSize: 0, itemMs: 0, coldMs: 0, isAsync: false, obstacle: undefined })
  })

  it('counts an item that fails, and keeps how each has ended', async () => {
    const items = [1, 2, 3].map((item) => new SampleItem(item))
    const measured = await runSample((item) => {
      passes(5)
      if (item === 2) throw new Error('no')
      return item === 3 ? Promise.resolve('later') : 'at once'
    }, items)
    expect(items.map(({ outcome }) => outcome)).toEqual([
      { value: 'at once' },
      { error: new Error('no') },
      { value: 'later' },
    ])
    expect(items.map(({ ms }) => ms)).toEqual([5, 5, 5])
    expect(items.map(({ isAsync }) => isAsync)).toEqual([false, false, true])
    expect(measured).toMatchObject({ itemMs: 5, isAsync: true })
  })
})

describe('how much of it is computing', () => {
  it.each<[string, number, number, number]>([
    ['the part of the processor', 8, 2, 0.25],
    ['all of it where other threads of the process computed as well', 8, 12, 1],
    ['all of it of what is too short to tell', 4.9, 0, 1],
    ['the part of the shortest that is told', 5, 1, 0.2],
  ])('is %s', async (_, ms, ofCpu, share) => {
    expect((await sampleOf(['an item'], () => passes(ms, ofCpu))).cpuShare).toBe(share)
  })

  it.each<[string, number, number, number, number]>([
    ['of an item that waits, what the event loop was busy', 0.5, 0.5, 0.2, 0.2],
    ['or what the process had of a core, if that is less', 10, 2, 0.9, 0.2],
    ['all of one that is too short to tell', 0.4, 0, 0.2, 1],
  ])('is %s', async (_, ms, ofCpu, busy, share) => {
    utilization = busy
    const { cpuShare, isAsync } = await sampleOf(['an item'], async () => {
      await Promise.resolve()
      passes(ms, ofCpu)
    })
    expect({ cpuShare, isAsync }).toEqual({ cpuShare: share, isAsync: true })
  })

  it.each([
    [0.29, ['begins', 'ends', 'begins', 'begins', 'ends', 'ends']],
    [0.3, ['begins', 'ends', 'begins', 'ends', 'begins', 'ends']],
  ])('decides whether all but the first run together: %d', async (share, expected) => {
    utilization = share
    const order: string[] = []
    await sampleOf([1, 2, 3], async () => {
      order.push('begins')
      await Promise.resolve()
      passes(10)
      order.push('ends')
    })
    expect(order).toEqual(expected)
  })
})

describe('what a sample says of items and results', () => {
  it('is what the last of them weigh', async () => {
    const measured = await sampleOf(['a', 'few', 'text'], (text) => [text, text, text])
    expect(measured).toMatchObject({ itemBytes: 4, resultBytes: 12, cloneNodes: 5 })
  })

  it('is that numbers, which are cloned as one typed array, have no nodes', async () => {
    expect(await sampleOf([1, 2], Number)).toMatchObject({ itemBytes: 8, resultBytes: 8, cloneNodes: 0 })
  })

  it.each<[string, unknown[], (item: unknown) => unknown, string | undefined]>([
    ['nothing of what can be sent', [1, 2], (item) => item, undefined],
    ['items, the first too', [(): void => undefined, 2], () => 1, 'items cannot go to a thread: a function '],
    ['results, the first too', [1, 2], (n) => (n === 1 ? Symbol('s') : 1), 'results cannot come from a thread: a sym'],
    [
      'nothing of what has failed',
      [1, 2],
      () => {
        throw Object.assign(new Error('no'), { call: () => 1 })
      },
      undefined,
    ],
  ])('is what stands in the way of sending them: %s', async (_, items, call, start) => {
    const { obstacle } = await sampleOf(items, call)
    expect(obstacle?.slice(0, start?.length)).toBe(start)
  })

  it('is that of an item or of its result where a run is under way', () => {
    const obstacleOf = (item: unknown, result: unknown) => measuredOf({ ...seen(1, 1, 1), item, result }).obstacle
    const unfit = (): void => undefined
    expect([obstacleOf(1, 1), obstacleOf(unfit, 1), obstacleOf(1, unfit)]).toEqual([
      undefined,
      'a function cannot be sent to a thread',
      'a function cannot be sent to a thread',
    ])
  })
})

describe('what a run says to a plan of items that overlap', () => {
  /** Ten ended within 10 ms, in a thread that was busy for half of them. */
  const run = (ownMs: number) => {
    const timing = new Timing()
    for (let i = 0; i < 10; i++) timing.add(1, 1)
    timing.ownTotalMs = 10 * ownMs
    return measuredOf({ ...seen(0, 0, 0), timing, busy: { share: 0.5, cores: 0.5 }, isAsync: true })
  }

  it.each([
    [20, 20, 0.025],
    [1, 1, 0.5],
    // Clocks may disagree a little.
    [0.4, 0.4, 1],
    [0, 1, 0.5],
  ])('is how long each took, not how far apart they ended: %d ms', (ownMs, itemMs, cpuShare) => {
    expect(ownOf(run(ownMs))).toMatchObject({ itemMs, cpuShare })
    expect(run(ownMs)).toMatchObject({ itemMs: 1, cpuShare: 0.5 })
  })

  it('makes a plan as one without earlier runs would be, of as many at once as begin', async () => {
    vi.restoreAllMocks()
    let begun = 0
    let settled = 0
    let ms = 20
    const task = async (): Promise<void> => {
      if (settled === 0) begun++
      await new Promise((resolve) => setTimeout(resolve, ms))
      settled++
    }
    const items = new Array<number>(600).fill(1)
    for (let run = 0; run < 3; run++) await execute(task, items)
    begun = settled = 0
    const plan = await optimize(task, items)
    expect(plan).toMatchObject({ mode: 'async', cacheHit: true })
    expect(plan.profile.itemMs).toBeGreaterThanOrEqual(18)
    // So long that all of them begin before one ends.
    ms = 300
    await plan.run()
    expect(begun).toBe(plan.workers)
    expect(plan.explain()).toContain(`Plan: ${begun} in flight in this thread to begin with`)
  })
})
