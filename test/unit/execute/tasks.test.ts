import { describe, expect, it } from 'vitest'
import type { MeanTiming, Search } from '../../../dist/execute/schedule/timing.js'
import type { Measured } from '../../../dist/execute/schedule/sample.js'
import { type TaskRecord, Tasks } from '../../../dist/execute/schedule/tasks.js'
import { measured as measuredAs } from '../support/scheduling.js'

const task = (): void => undefined
const measured = (given: Partial<Measured> = {}): Measured => measuredAs({ itemMs: 10, ...given })
const timing = (items: number, itemMs: number): MeanTiming => ({ items, itemMs, spread: 0 })
const levelOf = (level: number): Search => ({ level, phase: 'hold', patience: 4, held: 0, isLowerNext: false })
const fresh = (): TaskRecord => new Tasks().of(task, 1)

describe('what is known of a task', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['numbers are alike', 1, 1e9, true],
    ['numbers and texts are not', 1, '1', false],
    ['numbers and booleans are not', 1, true, false],
    ['texts of 4 and of 16 are not', 'xxxx', 'x'.repeat(16), false],
    ['texts of 16 and of 24 are', 'x'.repeat(16), 'x'.repeat(24), true],
    ['an empty text and one of 1 are', '', 'x', true],
    ['an empty text and one of 2 are not', '', 'xx', false],
    ['arrays of 4 and of 64 are not', [1, 2, 3, 4], Array(64).fill(0), false],
    ['an array and a text as long are not', ['a'], 'a', false],
    ['bytes of 4 and of 64 are not', new Uint8Array(4), new Uint8Array(64), false],
    ['bytes and numbers in as many bytes are', new Uint8Array(8), new Float64Array(1), true],
    ['bytes and an array are not', new Uint8Array(4), [1, 2, 3, 4], false],
    ['objects of one class are', new Date(0), new Date(1), true],
    ['objects of two classes are not', new Date(0), /x/, false],
    ['null and an object are not', null, {}, false],
    ['null and an array are not', null, [], false],
    ['null and nothing are not', null, undefined, false],
    ['objects without a class are', Object.create(null), Object.create(null), true],
    ['an object without a class and a plain one are not', Object.create(null), {}, false],
  ])('is kept by the shape of items: %s', (_, one, other, areAlike) => {
    const tasks = new Tasks()
    expect(tasks.of(task, one) === tasks.of(task, other)).toBe(areAlike)
  })

  it('is kept for items that cannot be looked at, too', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    )
    const tasks = new Tasks()
    expect(tasks.of(task, hostile)).toBe(tasks.of(task, hostile))
    expect(tasks.find(task, hostile)).toBe(tasks.of(task, hostile))
    for (const other of [null, Object.create(null)]) expect(tasks.find(task, other)).toBeUndefined()
  })

  it('is nothing before there was a run, and is its own for each task', () => {
    const tasks = new Tasks()
    expect([tasks.find(task, 1), tasks.find('m#f', 1), tasks.waitingOf(task), tasks.waitingOf('m#f')]).toEqual([
      undefined,
      undefined,
      {},
      {},
    ])
    const record = tasks.of(task, 1)
    expect(record.isUneven).toBe(false)
    expect(tasks.of('m#f', 1)).not.toBe(record)
    expect(tasks.of('m#f', 1)).toBe(tasks.of('m#f', 2))
    expect(tasks.of(() => undefined, 1)).not.toBe(record)
    tasks.foundWaiting(task, { inFlight: levelOf(128) })
    tasks.foundWaiting('other#f', { overlap: 3 })
    tasks.foundWaiting('m#f', {})
    expect(['other#f', 'm#f'].map((name) => tasks.waitingOf(name))).toEqual([{ overlap: 3 }, {}])
    // What a run was too short to find stands.
    tasks.foundWaiting(task, { overlap: 9 })
    expect(tasks.waitingOf(task)).toEqual({ inFlight: levelOf(128), overlap: 9 })
    expect(tasks.find(task, 1)).toBe(record)
  })

  it('is kept for a thousand named tasks, of which the oldest goes', () => {
    const tasks = new Tasks()
    const found = (n: number): void => tasks.foundWaiting(`m#${n}`, { inFlight: levelOf(n) })
    for (let n = 0; n < 1000; n++) found(n)
    expect(tasks.waitingOf('m#0').inFlight).toEqual(levelOf(0))
    found(1000)
    tasks.foundWaiting('m#1001', {})
    expect([0, 1, 1000].map((n) => tasks.waitingOf(`m#${n}`).inFlight?.level)).toEqual([undefined, 1, 1000])
  })
})

describe('what an item takes in the loop', () => {
  it('is at once what a faster run shows, and half of the way to what a slower one does', () => {
    const record = fresh()
    record.stayedInLoop(8)
    expect(record.loopItemMs).toBe(8)
    record.stayedInLoop(4)
    expect(record.loopItemMs).toBe(4)
    record.stayedInLoop(8)
    expect(record.loopItemMs).toBe(6)
    record.remember(measured())
    record.stayedInLoop(2)
    expect(record.measured?.itemMs).toBe(2)
  })

  it('is also shown by enough items of this thread beside those of workers, unless they are mixed', () => {
    const of = (items: number, itemMs: number, given: Partial<Measured> = {}, isMixed = false): number => {
      const record = fresh()
      record.isMixed = isMixed
      return record.loopItemOf(timing(items, itemMs), measured(given))
    }
    expect(of(16, 4)).toBe(4)
    expect(of(15, 4)).toBe(10)
    expect(of(16, 12)).toBe(10)
    expect(of(16, 4, { isAsync: true })).toBe(10)
    expect(of(16, 4, {}, true)).toBe(10)
  })

  it('is what it was known to be, before what this run was decided by', () => {
    const record = fresh()
    record.stayedInLoop(3)
    expect(record.loopItemOf(timing(0, 0), measured())).toBe(3)
    expect(record.loopItemOf(timing(20, 5), measured())).toBe(3)
    expect(record.loopItemOf(timing(20, 2), measured())).toBe(2)
  })
})

describe('what the first items take longer', () => {
  it('is shown by the first run alone: later this thread is warm', () => {
    const record = fresh()
    expect(record.remember(measured({ coldMs: 40 })).coldMs).toBe(40)
    record.stayedInLoop(1)
    expect(record.remember(measured({ coldMs: 3 })).coldMs).toBe(40)
    const warm = fresh()
    expect(warm.isWarm).toBe(false)
    warm.hadWorkers(1.5, 100, 2, false)
    expect(warm.isWarm).toBe(true)
    expect(warm.remember(measured({ coldMs: 40 })).coldMs).toBe(0)
  })

  it('is forgotten once workers could have saved it and their start: half of what the loop has taken', () => {
    const record = fresh()
    record.remember(measured({ coldMs: 60 }))
    const coldAfter = (ms: number) => {
      record.missed(ms, 40)
      return record.measured?.coldMs
    }
    expect([coldAfter(150), coldAfter(50), coldAfter(1)]).toEqual([60, 60, 0])
    const unknown = fresh()
    unknown.missed(150, 40)
    expect(unknown).toMatchObject({ missedMs: 150, measured: undefined })
  })
})

describe('items that would keep the event loop waiting', () => {
  it('may go to workers that are as fast as the loop: only where these are slower is it a loss', () => {
    const staysAfter = (gain: number, blocks: boolean): boolean => {
      const record = fresh()
      record.hadWorkers(gain, 100, 2, blocks)
      return record.staysInLoop(100)
    }
    expect([staysAfter(1, false), staysAfter(1, true), staysAfter(0.94, true)]).toEqual([true, false, true])
  })

  it('are known by several runs of a few, too', () => {
    const record = fresh()
    record.remember(measured({ leastMs: 0 }))
    const leastAfter = (leastSeenMs: number): number | undefined => {
      record.sawFew({ items: 1, leastSeenMs })
      return record.measured?.leastMs
    }
    expect([leastAfter(20), leastAfter(8), leastAfter(9), leastAfter(30), leastAfter(31)]).toEqual([0, 0, 8, 8, 8])
    expect(leastAfter(32)).toBe(30)
  })
})

describe('what an item takes at least', () => {
  it('is kept where a later run has seen too few to tell', () => {
    const record = fresh()
    record.remember(measured({ leastMs: 9 }))
    expect(record.remember(measured({ leastMs: 0 })).leastMs).toBe(9)
    expect(record.remember(measured({ leastMs: 2 })).leastMs).toBe(2)
  })

  it('is not what the first items of another run are like, where items differ', () => {
    const record = fresh()
    record.remember(measured({ itemMs: 10, itemCv: 2 }))
    record.stayedInLoop(9)
    expect(record.remember(measured({ itemMs: 5, itemCv: 0.1 }))).toMatchObject({ itemMs: 5, itemCv: 0.1 })
    record.remember(measured({ itemMs: 10, itemCv: 2 }))
    record.isMixed = true
    // What a whole run has shown last.
    expect(record.remember(measured({ itemMs: 1, itemCv: 0, itemBytes: 7 }))).toMatchObject({
      itemMs: 9,
      itemCv: 2,
      itemBytes: 7,
    })
    const unseen = fresh()
    unseen.remember(measured({ itemMs: 10, itemCv: 2 }))
    unseen.isMixed = true
    expect(unseen.remember(measured({ itemMs: 1, itemCv: 0 }))).toMatchObject({ itemMs: 10, itemCv: 2 })
  })

  it.each<[string, number, MeanTiming, number]>([
    ['is shown by this thread beside workers', 12, timing(40, 13), 12],
    ['is what it was where this thread has run none', 0, timing(40, 13), 9],
    ['is no more than workers take on the mean', 0, timing(40, 2), 2],
    ['is not told by workers that have ended nothing', 12, timing(0, 0), 12],
  ])('%s', (_, leastMs, ofWorkers, expected) => {
    const record = fresh()
    record.sawLeast(leastMs, ofWorkers)
    expect(record.measured).toBeUndefined()
    record.remember(measured({ leastMs: 9 }))
    record.sawLeast(leastMs, ofWorkers)
    expect(record.measured?.leastMs).toBe(expected)
  })
})

describe('what workers have gained', () => {
  it('is the mean of the last and what was known, for runs up to four times as long or short', () => {
    const record = fresh()
    record.hadWorkers(2, 100, 4, false)
    record.hadWorkers(1, 100, 4, false)
    expect(record.gain).toBe(1.5)
    expect([24, 25, 400, 401].map((ms) => record.gainAt(ms))).toEqual([undefined, 1.5, 1.5, undefined])
  })

  it('is a loss where it is below 0.95, or all in all too little to be chosen for', () => {
    const staysAfter = (...gains: number[]): boolean => {
      const record = fresh()
      for (const gain of gains) record.hadWorkers(gain, 100, 2, false)
      return record.staysInLoop(100)
    }
    expect([[1.05], [1.06], [1.8, 0.949], [1.8, 0.951], [1.1, 0.951]].map((gains) => staysAfter(...gains))).toEqual(
      [true, false, true, false, true], // prettier-ignore
    )
  })

  it('is no loss where workers had become faster than the loop by the end, three times in a row', () => {
    const record = fresh()
    const staysAfter = (gain: number, lateGain: number): boolean => {
      record.hadWorkers(gain, 100, 2, false, lateGain)
      const stays = record.staysInLoop(100)
      if (stays) record.stayedInLoop(1)
      else expect(record.gain).toBe(gain < 1 ? undefined : gain)
      return stays
    }
    expect([staysAfter(0.8, 1.05), staysAfter(0.8, 1.06), staysAfter(0.8, 2)]).toEqual([true, false, false])
    // Those that win are not counted with them.
    expect(staysAfter(1.8, 1.8)).toBe(false)
    expect([1, 2, 3, 4, 5].map(() => staysAfter(0.8, 2))).toEqual([false, false, false, true, true])
  })

  it.each([
    [50, true],
    [49, false],
  ])(
    'is no loss in the first run of a task that costs a new thread half of the run: %d ms of 100',
    (coldMs, isFree) => {
      const record = fresh()
      record.remember(measured({ coldMs }))
      const staysAfter = (gain: number): boolean => {
        record.hadWorkers(gain, 100, 2, false)
        return record.staysInLoop(100)
      }
      expect(staysAfter(0.4)).toBe(!isFree)
      expect(record.gain).toBe(isFree ? undefined : 0.4)
      expect(staysAfter(0.9)).toBe(true)
    },
  )

  it('is forgotten with the last run that stays in the loop for a loss', () => {
    const record = fresh()
    record.hadWorkers(0.9, 100, 2, false)
    expect([400, 401].map((ms) => record.staysInLoop(ms))).toEqual([true, false])
    expect(record.gain).toBeDefined()
    record.stayedInLoop(1)
    expect(record.staysInLoop(100)).toBe(false)
    expect(record.gain).toBeUndefined()
  })

  it('is not forgotten where no run had to stay in the loop', () => {
    const record = fresh()
    record.hadWorkers(2, 100, 4, false)
    record.stayedInLoop(1)
    expect(record.gain).toBe(2)
  })

  it.each([
    ['the beginning of the next run', false, [true, false]],
    ['of mixed items the next run', true, [false, true]],
  ])('is not believed above all cores and a tenth: %s is to show the loop anew', (_, isMixed, due) => {
    const record = fresh()
    record.isMixed = isMixed
    const isDue = () => [record.wantsSample, record.staysInLoop(100)]
    record.stayedInLoop(5)
    record.hadWorkers(2.2, 100, 2, false)
    expect([record.gain, ...isDue()]).toEqual([2.2, false, false])
    record.hadWorkers(2.21, 100, 2, false)
    expect([record.gain, record.loopItemMs, ...isDue()]).toEqual([undefined, undefined, ...due])
    record.stayedInLoop(5)
    expect(isDue()).toEqual([false, false])
  })

  it.each([false, true])('is believed once the loop has been seen anew twice; items differ: %s', (isMixed) => {
    const record = fresh()
    record.isMixed = isMixed
    const gains = [30, 30, 30, 10, 2, 30].map((gain) => {
      record.stayedInLoop(5)
      record.hadWorkers(gain, 100, 2, false)
      return [record.gain, record.isLoopDue]
    })
    const doubted = [undefined, isMixed]
    expect(gains).toEqual([doubted, doubted, [30, false], [20, false], [11, false], doubted])
  })

  it('is seen anew by no whole run of items that would keep the event loop waiting', () => {
    const record = fresh()
    record.isMixed = true
    record.hadWorkers(30, 100, 2, true)
    expect([record.gain, record.isLoopDue, record.staysInLoop(100)]).toEqual([undefined, false, false])
  })

  it.each([
    ['twice against what the beginning of a run shows', false, [true, false], [2, 4]],
    ['once against what a whole run of mixed items shows', true, [false, true], [2]],
  ])('is held %s anew, after two runs with workers each', (_, isMixed, due, runs) => {
    const record = fresh()
    record.isMixed = isMixed
    const seen = [1, 2, 3, 4, 5, 6].map((run) => {
      record.hadWorkers(1.5, 100, 2, false)
      const isDue = [record.wantsSample, record.staysInLoop(100)]
      if (isDue.includes(true)) record.stayedInLoop(1)
      return { run, isDue }
    })
    expect(seen.flatMap(({ run, isDue }) => (isDue.includes(true) ? [run] : []))).toEqual(runs)
    expect(seen[1]?.isDue).toEqual(due)
  })
})
