import { describe, expect, it } from 'vitest'
import type { MeanTiming, Search, Timing } from '../../../dist/execute/schedule/timing.js'
import type { Measured } from '../../../dist/execute/schedule/sample.js'
import { type TaskRecord, Tasks } from '../../../dist/execute/schedule/tasks.js'
import { measured as measuredAs, timingOf } from '../support/scheduling.js'

const task = (): void => undefined
const measured = (given: Partial<Measured> = {}): Measured => measuredAs({ itemMs: 10, ...given })
const meanOf = (items: number, itemMs: number): MeanTiming => ({ items, itemMs, spread: 0 })
const timing = (items: number, itemMs: number): Timing => timingOf(...Array<number>(items).fill(itemMs))
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
    expect(record.measured).toBeUndefined()
    record.remember(measured())
    const after = (itemMs: number): number | undefined => {
      record.stayedInLoop(itemMs)
      return record.measured?.itemMs
    }
    expect([after(8), after(4), after(8), after(2)]).toEqual([8, 4, 6, 2])
  })

  it('is also shown by enough items of this thread beside those of workers, unless they are mixed', () => {
    const of = (here: Timing, given: Partial<Measured> = {}): number => fresh().loopItemOf(here, measured(given))
    expect(of(timing(16, 4))).toBe(4)
    expect(of(timing(15, 4))).toBe(10)
    expect(of(timing(16, 12))).toBe(10)
    expect(of(timing(16, 4), { isAsync: true })).toBe(10)
    expect(of(timingOf(...Array<number>(20).fill(1), 40))).toBe(10)
  })

  it('is what it was known to be, before what this run was decided by', () => {
    const record = fresh()
    record.remember(measured({ itemMs: 3 }))
    expect(record.loopItemOf(timing(0, 0), measured())).toBe(3)
    expect(record.loopItemOf(timing(20, 5), measured())).toBe(3)
    expect(record.loopItemOf(timing(20, 2), measured())).toBe(2)
    expect(record.measured?.itemMs).toBe(2)
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
    warm.hadWorkers(1.5, 100, false)
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
      record.isWarm = true
      record.hadWorkers(gain, 100, blocks)
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

  it.each<[string, number, MeanTiming, number]>([
    ['is shown by this thread beside workers', 12, meanOf(40, 13), 12],
    ['is what it was where this thread has run none', 0, meanOf(40, 13), 9],
    ['is no more than workers take on the mean', 0, meanOf(40, 2), 2],
    ['is not told by workers that have ended nothing', 12, meanOf(0, 0), 12],
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
    record.hadWorkers(2, 100, false)
    record.hadWorkers(1, 100, false)
    expect(record.gain).toBe(1.5)
    expect([24, 25, 400, 401].map((ms) => record.gainAt(ms))).toEqual([undefined, 1.5, 1.5, undefined])
  })

  it('is a loss where it is below 0.95, or all in all too little to be chosen for', () => {
    const staysAfter = (...gains: number[]): boolean => {
      const record = fresh()
      record.isWarm = true
      for (const gain of gains) record.hadWorkers(gain, 100, false)
      return record.staysInLoop(100)
    }
    expect([[1.05], [1.06], [1.8, 0.949], [1.8, 0.951], [1.1, 0.951]].map((gains) => staysAfter(...gains))).toEqual(
      [true, false, true, false, true], // prettier-ignore
    )
  })

  it('is no loss in the first run with workers, whose engines have yet to compile the task', () => {
    const record = fresh()
    record.hadWorkers(0.4, 100, false)
    expect([record.gain, record.staysInLoop(100)]).toEqual([undefined, false])
    record.hadWorkers(0.9, 100, false)
    expect([record.gain, record.staysInLoop(100)]).toEqual([0.9, true])
  })

  it('is forgotten with the last run that stays in the loop for a loss', () => {
    const record = fresh()
    record.isWarm = true
    record.hadWorkers(0.9, 100, false)
    expect([400, 401].map((ms) => record.staysInLoop(ms))).toEqual([true, false])
    expect(record.gain).toBeDefined()
    record.stayedInLoop(1)
    expect(record.staysInLoop(100)).toBe(false)
    expect(record.gain).toBeUndefined()
  })

  it('is not forgotten where no run had to stay in the loop', () => {
    const record = fresh()
    record.hadWorkers(2, 100, false)
    record.stayedInLoop(1)
    expect(record.gain).toBe(2)
  })
})
