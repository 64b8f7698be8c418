import { describe, expect, it } from 'vitest'
import {
  asyncMs,
  choose,
  type Choices,
  consider,
  type Considered,
  type CostInputs,
  loopMs,
  threadsMs,
} from '../../../dist/execute/schedule/cost-model.js'

const inputs: CostInputs = {
  items: 1000,
  itemMs: 1,
  cpuShare: 1,
  coresEach: 1,
  isAsync: false,
  cloneMs: 0,
  spawnMs: 0,
  spawnHereMs: 0,
  wakeMs: 0.1,
  dispatchMs: 0.03,
  cores: 2,
  mainWorks: true,
  blocks: false,
}
const choices: Choices = { mostWorkers: 1, targetChunkMs: 4, mayUseThreads: true }
const choice = (changed: Partial<CostInputs>, chosen: Partial<Choices> = {}) => {
  const all = { ...inputs, ...changed }
  const open = { ...choices, ...chosen }
  return choose(consider(all, open), all, open)
}

describe('the cost model', () => {
  it('takes the loop for the sum of its items', () => {
    expect(loopMs(inputs)).toBe(1000)
  })

  it('halves it with this thread and one worker on two cores', () => {
    expect(threadsMs(inputs, 1, 4)).toBeGreaterThan(500)
    expect(threadsMs(inputs, 1, 40)).toBeLessThan(502)
  })

  it('gains nothing from more threads than cores', () => {
    expect(threadsMs(inputs, 4, 4)).toBeGreaterThanOrEqual(threadsMs(inputs, 1, 4) * 0.99)
    expect(threadsMs({ ...inputs, cores: 8, mainWorks: false }, 8, 4)).toBeLessThan(130)
  })

  it('counts on this thread while workers start', () => {
    const cold = threadsMs({ ...inputs, spawnMs: 100 }, 1, 4)
    expect(cold).toBeGreaterThan(545)
    expect(cold).toBeLessThan(560) // 100 ms alone, then 900 items shared
    expect(threadsMs({ ...inputs, items: 50, spawnMs: 100 }, 1, 4)).toBe(50)
  })

  it('counts what a start takes from this thread', () => {
    const started = { ...inputs, spawnMs: 100 }
    // 20 ms of items are left over for both.
    expect(threadsMs({ ...started, spawnHereMs: 20 }, 1, 4) - threadsMs(started, 1, 4)).toBeCloseTo(10, 0)
    expect(threadsMs({ ...started, spawnHereMs: 200 }, 1, 4)).toBeCloseTo(
      threadsMs({ ...inputs, spawnMs: 0 }, 1, 4) + 100,
      0,
    )
  })

  it('has workers run all items where this thread runs none, once they are ready', () => {
    const apart = { ...inputs, mainWorks: false, spawnMs: 100, spawnHereMs: 10, dispatchMs: 0, wakeMs: 0 }
    expect(threadsMs(apart, 1, 4)).toBeCloseTo(1100, 0)
    expect(threadsMs({ ...apart, items: 50 }, 1, 4)).toBeCloseTo(150, 0)
  })

  it('takes this thread’s own time for what ends before workers are ready', () => {
    expect(threadsMs({ ...inputs, items: 4, itemMs: 25, spawnMs: 1000 }, 1, 1)).toBe(100)
    expect(threadsMs({ ...inputs, items: 10, itemMs: 0 }, 1, 1)).toBeLessThan(1)
  })

  it('counts what it takes to send and receive, and leaves this thread only the time that sending leaves it', () => {
    const sent = { ...inputs, cores: 8, wakeMs: 0, dispatchMs: 0.4, items: 1000 }
    const both = (1 + 0.000_3 + 0.4 / 4) / 4
    // Four workers take `both` for an item together. This thread sends one in a tenth of a millisecond, and has the rest for its own.
    const toSendMs = 0.1003
    expect(threadsMs(sent, 4, 4)).toBeCloseTo(1000 / (1 / both + (1 - toSendMs / both)) + 0.8, 6)
    expect(threadsMs({ ...sent, mainWorks: false }, 4, 4)).toBeCloseTo(1000 * both + 0.8, 6)
    // Where sending takes longer than the workers take, they wait for it; this thread has no time for items.
    const heavy = { ...sent, cloneMs: 4 }
    expect(threadsMs(heavy, 4, 4)).toBeCloseTo(2100.3 + 0.8, 6)
    expect(threadsMs({ ...heavy, mainWorks: false }, 4, 4)).toBeCloseTo(2100.3 + 0.8, 6)
  })

  it('counts the last items of few, which do not divide evenly', () => {
    const few = { ...inputs, mainWorks: false, cores: 8, dispatchMs: 0, wakeMs: 0, cloneMs: 6 }
    // Of 21 items the slowest of four workers has six; receiving is on the way but for the last.
    expect(threadsMs({ ...few, items: 21, cloneMs: 0 }, 4, 1)).toBeCloseTo(6, 2)
    expect(threadsMs({ ...few, items: 1 }, 4, 1)).toBeCloseTo(4, 2)
    // On half as many cores each of them takes twice as long.
    expect(threadsMs({ ...few, items: 5, cloneMs: 0, cores: 2 }, 4, 1)).toBeCloseTo(4, 2)
    expect(threadsMs({ ...few, items: 199, cloneMs: 0 }, 4, 1)).toBeCloseTo(50, 0)
    expect(threadsMs({ ...few, items: 203, cloneMs: 0 }, 4, 1)).toBeCloseTo(203 / 4, 1)
  })

  it('finds a worker ready only between two items of this thread, and gives both whole items', () => {
    const few = { ...inputs, items: 8, itemMs: 10, spawnMs: 45 }
    // Five items until it is ready; of the other three, one thread has two.
    expect(threadsMs(few, 1, 1)).toBeGreaterThanOrEqual(70)
    expect(threadsMs(few, 1, 1)).toBeLessThan(71)
    expect(choice({ ...few, cloneMs: 12 }).mode).toBe('serial')
  })

  it('agrees with the measured speed-ups of chunks of 1 KB objects and rows', () => {
    const speedUp = (changed: Partial<CostInputs>, chunk: number) => {
      const all = { ...inputs, mainWorks: false, ...changed }
      return loopMs(all) / threadsMs(all, 2, chunk)
    }
    // Two workers; what is cloned costs this thread its half, and the workers theirs.
    expect(speedUp({ itemMs: 0.01, items: 10_000, cloneMs: 0.004 }, 100)).toBeGreaterThan(1.2)
    expect(speedUp({ itemMs: 0.1, items: 500, cloneMs: 0.72 }, 5)).toBeLessThan(0.4)
    expect(speedUp({ itemMs: 1, items: 500, cloneMs: 0.72 }, 5)).toBeLessThan(1.5)
  })

  it('leaves short runs to the loop where workers are slow to begin', () => {
    expect(choice({ items: 100, itemMs: 0.01, wakeMs: 0.1 }).mode).toBe('threads')
    expect(choice({ items: 100, itemMs: 0.01, wakeMs: 0.5 }).mode).toBe('serial')
  })

  it('divides few long items as they can be divided', () => {
    expect(threadsMs({ ...inputs, items: 3, itemMs: 100 }, 1, 1)).toBeGreaterThanOrEqual(200)
  })

  it('overlaps waiting, not computing', () => {
    const waiting = { ...inputs, isAsync: true, itemMs: 100, items: 100, cpuShare: 0.01, coresEach: 0.01 }
    expect(asyncMs(waiting, 10)).toBe(1000)
    expect(asyncMs(waiting, 100)).toBe(100)
    expect(asyncMs({ ...waiting, cpuShare: 0.5 }, 100)).toBe(5000)
  })
})

describe('the choice', () => {
  it.each<[string, Partial<CostInputs>, Partial<Choices>, string]>([
    ['short work stays', { items: 100, itemMs: 0.001 }, {}, 'serial'],
    ['long work goes to threads', {}, {}, 'threads'],
    ['not where it is not worth the start', { items: 40, spawnMs: 35 }, {}, 'serial'],
    ['not where copying costs more than running', { itemMs: 0.1, cloneMs: 0.2 }, {}, 'serial'],
    ['not on one core', { cores: 1 }, { mostWorkers: 0 }, 'serial'],
    ['not where threads cannot have the task', {}, { mayUseThreads: false }, 'serial'],
    ['waiting overlaps here', { isAsync: true, itemMs: 50, cpuShare: 0.05, mainWorks: false }, {}, 'async'],
    [
      'unless threads are preferred and about as good',
      { isAsync: true, itemMs: 10, cpuShare: 0.9, mainWorks: false, items: 1000 },
      { prefer: 'threads', mostWorkers: 2 },
      'threads',
    ],
    ['a forced mode is kept', { items: 10, itemMs: 0.001 }, { mode: 'threads' }, 'threads'],
  ])('%s', (_, changed, chosen, mode) => {
    expect(choice(changed, chosen).mode).toBe(mode)
  })
})

describe('the choice among what is considered', () => {
  const ways = { loop: 'serial', waiting: 'async', one: 'threads', two: 'threads' } as const
  /** Which way is taken, by what each is estimated to take; without a time it is not considered. */
  const taken = (
    times: Partial<Record<keyof typeof ways, number>>,
    chosen: Partial<Choices> = {},
    changed: Partial<CostInputs> = {},
  ): string | undefined => {
    const considered = Object.entries(times).map(([name, estimatedMs], workers) => {
      const mode = ways[name as keyof typeof ways]
      return { mode, workers, chunkSize: 1, estimatedMs }
    })
    const { workers } = choose(
      considered as [Considered, ...Considered[]],
      { ...inputs, ...changed },
      { ...choices, ...chosen },
    )
    return Object.keys(times)[workers]
  }
  const waits = { isAsync: true, cpuShare: 0.29 }

  it('is workers that are about as fast, where items would keep the event loop waiting', () => {
    const blocks = { blocks: true, mainWorks: false }
    const ofTwo = (one: number, two: number): (string | undefined)[] =>
      [blocks, {}].map((changed) => taken({ loop: 100, one, two }, {}, changed))
    expect(ofTwo(104, 110)).toEqual(['one', 'loop'])
    expect(ofTwo(110, 104)).toEqual(['two', 'loop'])
    expect(ofTwo(106, 110)).toEqual(['loop', 'loop'])
    expect(ofTwo(100 / 0.95, 110)).toEqual(['loop', 'loop'])
    expect(taken({ loop: 100, waiting: 90, one: 104 }, {}, { ...blocks, ...waits })).toBe('waiting')
    expect(taken({ loop: 100 }, {}, blocks)).toBe('loop')
  })

  it.each<[string, Parameters<typeof taken>, string]>([
    ['leaves the loop for 5 % less', [{ loop: 100, one: 94.9 }], 'one'],
    ['and for no less', [{ loop: 100, one: 95 }], 'loop'],
    [
      'takes another way for 1 % less, and the simpler one where they are about as good',
      [{ loop: 100, one: 50, two: 49.4 }],
      'two',
    ],
    ['so that more workers are not taken for nothing', [{ loop: 100, one: 50, two: 49.5 }], 'one'],
    ['and not where they are slower', [{ loop: 100, one: 50, two: 51 }], 'one'],
    ['keeps to a mode, however slow', [{ loop: 100, waiting: 400, one: 900, two: 800 }, { mode: 'threads' }], 'two'],
    ['or to the loop', [{ loop: 100, one: 10 }, { mode: 'serial' }], 'loop'],
    ['falls back to the loop where there is none of that mode', [{ loop: 100, one: 10 }, { mode: 'async' }], 'loop'],
    [
      'overlaps what waits, although threads would be faster',
      [{ loop: 100, waiting: 90, one: 40 }, {}, waits],
      'waiting',
    ],
    ['but not for less than 5 %', [{ loop: 100, waiting: 95, one: 40 }, {}, waits], 'one'],
    [
      'nor what computes for 30 % of its time',
      [{ loop: 100, waiting: 90, one: 40 }, {}, { ...waits, cpuShare: 0.3 }],
      'one',
    ],
    ['nor where threads are preferred', [{ loop: 100, waiting: 90, one: 40 }, { prefer: 'threads' }, waits], 'one'],
    ['nor where it is not considered', [{ loop: 100, one: 40 }, {}, waits], 'one'],
    [
      'prefers a mode that takes less than a quarter more',
      [{ loop: 100, waiting: 49.9, one: 40 }, { prefer: 'async' }],
      'waiting',
    ],
    ['and not one that takes a quarter more', [{ loop: 100, waiting: 50, one: 40 }, { prefer: 'async' }], 'one'],
    ['nor one that is slower than the loop', [{ loop: 100, waiting: 100, one: 99 }, { prefer: 'async' }], 'loop'],
    ['but one that is a little faster', [{ loop: 100, waiting: 99, one: 98 }, { prefer: 'async' }], 'waiting'],
    ['and the fastest of it', [{ loop: 100, waiting: 40, one: 48, two: 45 }, { prefer: 'threads' }], 'two'],
    ['or none where there is none', [{ loop: 100, one: 40 }, { prefer: 'async' }], 'one'],
  ])('%s', (_, asked, expected) => {
    expect(taken(...asked)).toBe(expected)
  })
})

describe('what is considered', () => {
  const modes = (changed: Partial<CostInputs>, chosen: Partial<Choices>): string[] =>
    consider({ ...inputs, ...changed }, { ...choices, ...chosen }).map(({ mode, workers }) => `${mode} ${workers}`)

  it.each<[string, Partial<CostInputs>, Partial<Choices>, string[]]>([
    [
      'the loop, and every number of workers',
      {},
      { mostWorkers: 3 },
      ['serial 0', 'threads 1', 'threads 2', 'threads 3'],
    ],
    ['no workers where they may not be', {}, { mostWorkers: 3, mayUseThreads: false }, ['serial 0']],
    ['the workers that are asked for alone', {}, { mostWorkers: 3, workers: 2 }, ['serial 0', 'threads 2']],
    ['items in flight where they are promises', { isAsync: true }, { mayUseThreads: false }, ['serial 0', 'async 64']],
    ['no more than there are', { isAsync: true, items: 5 }, { mayUseThreads: false }, ['serial 0', 'async 5']],
    ['one at least', { isAsync: true, items: 0 }, { mayUseThreads: false }, ['serial 0', 'async 1']],
    ['as many as are asked for', { isAsync: true }, { mayUseThreads: false, workers: 7 }, ['serial 0', 'async 7']],
  ])('%s', (_, changed, chosen, expected) => {
    expect(modes(changed, chosen)).toEqual(expected)
  })

  it.each([
    [8, [1, 2, 3, 4, 5, 6, 7, 8]],
    [9, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [12, [1, 2, 3, 4, 5, 6, 7, 8, 12]],
    [13, [1, 2, 3, 4, 5, 6, 7, 8, 12, 13]],
    [64, [1, 2, 3, 4, 5, 6, 7, 8, 12, 18, 27, 41, 62, 64]],
  ])('leaves out numbers of workers between 8 and %i', (mostWorkers, expected) => {
    expect(modes({}, { mostWorkers })).toEqual(['serial 0', ...expected.map((count) => `threads ${count}`)])
  })

  it('sends a chunk of as many items as are fair for all lanes', () => {
    const chunkOf = (changed: Partial<CostInputs>, chosen: Partial<Choices> = {}): number | undefined =>
      consider({ ...inputs, items: 24, itemMs: 0.1, ...changed }, { ...choices, ...chosen }).at(-1)?.chunkSize
    // Half of what is fair: 24 items for two lanes, then for one.
    expect(chunkOf({})).toBe(6)
    expect(chunkOf({ mainWorks: false })).toBe(12)
    expect(chunkOf({}, { chunkSize: 7 })).toBe(7)
    // 4 ms of items at most.
    expect(chunkOf({ items: 1e6 })).toBe(40)
  })
})

describe('what workers are expected to take', () => {
  const times = (changed: Partial<CostInputs>, workers = 1, chunkSize = 10): number =>
    threadsMs({ ...inputs, wakeMs: 0, dispatchMs: 0, ...changed }, workers, chunkSize)

  it('is what they run, receive and are told of, each item and each chunk', () => {
    const alone = { mainWorks: false, items: 100, itemMs: 1 }
    const plain = times(alone)
    expect(times({ ...alone, cloneMs: 1 }) - plain).toBeCloseTo(50, 6)
    // A chunk of ten costs each of its items a tenth of a message; the last message and its answer come on top.
    expect(times({ ...alone, dispatchMs: 0.1 }) - plain).toBeCloseTo(100 * 0.01 + 0.2, 6)
    expect(times({ ...alone, wakeMs: 0.3 }) - plain).toBeCloseTo(0.3, 6)
    expect(plain).toBeGreaterThan(100)
    expect(plain).toBeLessThan(101)
  })

  it('is never less than this thread needs to send', () => {
    expect(times({ mainWorks: false, items: 100, itemMs: 0.01, cloneMs: 4 })).toBeGreaterThanOrEqual(200)
  })

  it('is the loop where this thread is through before the first worker is ready', () => {
    expect(times({ items: 30, spawnMs: 40 })).toBe(30)
    expect(times({ items: 40, spawnMs: 40 })).toBe(40)
    expect(times({ items: 100, spawnMs: 40 })).toBeLessThan(80)
    expect(times({ items: 100, spawnMs: 40 })).toBeGreaterThan(69)
  })

  it('counts what this thread spends on starting them', () => {
    const quick = times({ items: 100, spawnMs: 40 })
    expect(times({ items: 100, spawnMs: 40, spawnHereMs: 10 }) - quick).toBeCloseTo(5, 0)
  })

  it('is that of the lane with the last item where few long ones do not divide evenly', () => {
    expect(times({ items: 3, itemMs: 100 })).toBeGreaterThanOrEqual(200)
    expect(times({ items: 4, itemMs: 100 })).toBeLessThan(201)
    // Of many it is little.
    expect(times({ items: 1001, itemMs: 100 })).toBeLessThan(50_100)
  })
})
