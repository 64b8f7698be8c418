import { describe, expect, it } from 'vitest'
import { circuitBreaker, timeout } from '../../../dist/index.js'
import { lookAtWorkers } from '../../../dist/execute/schedule/course.js'
import { calibration } from '../../../dist/execute/schedule/calibration.js'
import type { Timing } from '../../../dist/execute/schedule/timing.js'
import { came, NONE, ONE, timingOf, seen, taught, twoCores } from '../support/scheduling.js'

const { spawnMs } = calibration
const [few, many] = [8, 96].map(
  (level) => ({ level, phase: 'hold', patience: 4, held: 0, isLowerNext: false }) as const,
)

describe('what is learnt of items in flight', () => {
  it('is kept for the task, and is not used where the user wants none of it', () => {
    const { scheduler, subject } = twoCores()
    expect(scheduler.waitingOf(subject).inFlight).toBeUndefined()
    scheduler.foundWaiting(subject, {})
    expect(scheduler.waitingOf(subject).inFlight).toBeUndefined()
    scheduler.foundWaiting(subject, { inFlight: many })
    scheduler.foundWaiting(subject, {})
    expect(scheduler.waitingOf(subject).inFlight).toBe(many)
    const forgetful = { ...subject, options: { ...subject.options, useCache: false } }
    expect(scheduler.waitingOf(forgetful).inFlight).toBeUndefined()
    expect(scheduler.recall(forgetful, 'an item')).toBeUndefined()
  })

  it('says nothing about the task under policies, nor the other way round', () => {
    const { scheduler, subject } = twoCores()
    const guarded = { ...subject, options: { ...subject.options, policies: [timeout(5)] } }
    scheduler.foundWaiting(subject, { inFlight: many })
    expect(scheduler.waitingOf(guarded).inFlight).toBeUndefined()
    scheduler.foundWaiting(guarded, { inFlight: few })
    expect([scheduler.waitingOf(subject).inFlight, scheduler.waitingOf(guarded).inFlight]).toEqual([many, few])
  })

  it.each([
    [128, true, {}, true],
    [129, true, {}, false],
    [32, true, { workers: 16 }, true],
    // Without `concurrency` this thread could have no more under way than they.
    [33, true, { workers: 16 }, true],
    [32, true, { workers: 16, concurrency: 1000 }, true],
    [33, true, { workers: 16, concurrency: 1000 }, false],
    [128, true, { policies: [timeout(5)] }, true],
    // Under a circuit breaker a worker has one under way.
    [2, true, { policies: [circuitBreaker()] }, true],
    [3, true, { policies: [circuitBreaker()] }, false],
    [129, true, { prefer: 'threads' }, true],
    [129, true, { mode: 'threads' }, true],
    [129, false, {}, true],
  ] as const)(
    'begins in workers that are there where they can keep busy: %d at once, whether it waits: %s, %o',
    (overlap, isAsync, options, expected) => {
      const { scheduler, subject, begin } = taught(options)
      const { measured } = scheduler.recall(subject, 'an item')!
      scheduler.sampled(subject, 'an item', { ...measured!, isAsync, cpuShare: 0.95, itemMs: 2 })
      scheduler.foundWaiting(subject, { overlap })
      expect(begin(1000, ONE).decision !== undefined).toBe(expected)
    },
  )
})

it('tasks whose items compute little are remembered: functions by their sources, since they may be made anew', () => {
  const { scheduler, subject } = twoCores()
  const made = (source = 'async (n) => n'): typeof subject => ({
    ...subject,
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the same source, another function
    key: new Function(`return ${source}`)() as object,
  })
  expect(scheduler.waitingOf(made()).isFree).toBe(false)
  scheduler.foundWaiting(made(), {})
  expect(scheduler.waitingOf(made()).isFree).toBe(false)
  scheduler.foundWaiting(made(), { isFree: true })
  scheduler.foundWaiting(made(), {})
  expect(scheduler.waitingOf(made()).isFree).toBe(true)
  expect(scheduler.waitingOf(made('async (n) => n + 1')).isFree).toBe(false)
  expect(scheduler.waitingOf({ ...made(), options: { ...subject.options, useCache: false } }).isFree).toBe(false)
  const bound = (): typeof subject => ({ ...subject, key: (() => undefined).bind(null) })
  scheduler.foundWaiting(bound(), { isFree: true })
  expect(scheduler.waitingOf(bound()).isFree).toBe(false)
  const named = { ...subject, key: 'm.mjs#f' }
  scheduler.foundWaiting(named, { isFree: true })
  expect(scheduler.waitingOf(named).isFree).toBe(true)
})

it('a task is believed to compute little by its first run, and only by the second in a row where one has computed', () => {
  const { scheduler, subject } = twoCores()
  const seen = [true, false, true, true, false, true, false, true].map((isFree) => {
    scheduler.foundWaiting(subject, { isFree })
    return scheduler.waitingOf(subject).isFree
  })
  expect(seen).toEqual([true, false, false, true, false, false, false, false])
})

it('a thousand of these are remembered, and the oldest goes', () => {
  const { scheduler, subject } = twoCores()
  const named = (n: number): typeof subject => ({ ...subject, key: `m.mjs#${n}` })
  for (let n = 0; n < 1000; n++) scheduler.foundWaiting(named(n), { isFree: true })
  expect(scheduler.waitingOf(named(0)).isFree).toBe(true)
  // What was there before takes no place of another, and is the newest then.
  scheduler.foundWaiting(named(0), { isFree: true })
  scheduler.foundWaiting(named(1000), { isFree: true })
  expect([0, 1, 2, 1000].map((n) => scheduler.waitingOf(named(n)).isFree)).toEqual([true, false, true, true])
})

describe('a sample', () => {
  it('is what a task is known by, unless it was of nothing', () => {
    const { scheduler, subject, begin } = taught()
    const { measured } = scheduler.recall(subject, 'an item')!
    scheduler.sampled(subject, 'an item', { ...measured!, sampleSize: 0, itemMs: 50 })
    expect(scheduler.recall(subject, 'an item')?.measured?.itemMs).toBe(1)
    scheduler.sampled(subject, 'an item', { ...measured!, sampleSize: 1, itemMs: 50 })
    expect(scheduler.recall(subject, 'an item')?.measured?.itemMs).toBe(50)
    expect(begin(10, ONE).decision?.measured.itemMs).toBe(50)
  })
})

describe('during a run', () => {
  it('workers are decided on once, also where nobody knows how many items are left', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, ONE)
    const ran = (items: number) => scheduler.during(course, { ...seen(items, 1, 0), items: null }, ONE)
    expect([ran(100)?.chosen.mode, ran(400)]).toEqual(['threads', undefined])
  })

  it.each([
    [4, 25],
    [100, 200],
  ])('items that have waited for %i ms are thought of again at %i ms', (ranMs, againMs) => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, ONE)
    const observation = { ...seen(ranMs, 1, 1000), isAsync: true, busy: { share: 0.1, cores: 0.1 } }
    expect(scheduler.during(course, observation, ONE)).toBeUndefined()
    expect(course.notBeforeMs).toBe(againMs)
  })

  it.each<[string, number, typeof NONE, boolean]>([
    ['of three times what it takes', 3.1, NONE, true],
    ['of less it is too much', 2.9, NONE, false],
    ['but for workers that are starting already', 2.9, { idle: 0, working: 0, startingMs: 1 }, true],
  ])('the start of a worker is for long runs: %s', (_, starts, there, expected) => {
    const { scheduler, begin } = twoCores()
    const items = Math.ceil((starts * spawnMs) / 10)
    expect(scheduler.during(begin(null, there), seen(50, 10, items), there) !== undefined).toBe(expected)
  })
})

describe('when the first worker is ready', () => {
  /** What is thought of 100 items left when `ran` have taken so long, of a run that has asked for a worker. */
  const isStillWorth = (ran: number, itemMs: number, left: number): boolean => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, NONE)
    scheduler.during(course, seen(50, 10, 1000), NONE)
    scheduler.during(course, seen(100, 10, 1000), NONE)
    expect(course.decision?.inputs.spawnMs).toBeGreaterThan(0)
    return scheduler.reconsider(course, seen(ran, itemMs, left))
  }

  it('the rest is worth it, or not any more', () => {
    expect(isStillWorth(200, 10, 1000)).toBe(true)
    expect(isStillWorth(100_000, 0.001, 100)).toBe(false)
    expect(isStillWorth(200, 10, 0)).toBe(false)
  })

  it('there is nothing to ask without items, or for workers that were there, or without any', () => {
    const { scheduler, begin } = taught()
    const course = begin(100, ONE)
    expect(course.decision?.inputs.spawnMs).toBe(0)
    expect(scheduler.reconsider(course, seen(10, 0.000_1, 5))).toBe(true)
    expect(scheduler.reconsider(begin(null, ONE), seen(10, 1, 5))).toBe(true)
    expect(isStillWorth(0, 0, 100)).toBe(true)
  })

  it('a run that goes on in the loop thinks again when twice as much has been run', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, NONE)
    scheduler.during(course, seen(50, 10, 1000), NONE)
    scheduler.during(course, seen(100, 10, 1000), NONE)
    scheduler.reconsider(course, seen(40_000, 0.001, 100))
    expect(course.notBeforeMs).toBeCloseTo(80, 6)
    expect(course.decision).toBeUndefined()
  })
})

describe('a run with workers', () => {
  /** Whether it goes back to the loop of 1 ms an item at the last of these looks: items settled, after so many ms. */
  const goesBack = (items: number | null, looks: [settled: number, ms: number][], timing = timingOf()): boolean => {
    const { begin } = taught()
    const course = begin(1000, ONE)
    const answers = looks.map(([settled, ms]) =>
      lookAtWorkers(course, { items, settled, ms, timing, isShared: false }, timingOf()),
    )
    expect(answers.slice(0, -1)).not.toContain(true)
    return answers.at(-1)!
  }

  it.each<[string, Parameters<typeof goesBack>, boolean]>([
    [
      'that loses at the second look goes back',
      [
        1000,
        [
          [100, 200],
          [200, 400],
        ],
      ],
      true,
    ],
    ['not at the first', [1000, [[100, 200]]], false],
    [
      'that loses 5 % stays',
      [
        1000,
        [
          [100, 105],
          [195, 205],
        ],
      ],
      false,
    ],
    [
      'that loses a little more goes back',
      [
        1000,
        [
          [100, 106],
          [200, 212],
        ],
      ],
      true,
    ],
    [
      'is not looked at before a tenth more has settled',
      [
        1000,
        [
          [100, 200],
          [199, 400],
        ],
      ],
      false,
    ],
    [
      'or in less than 25 ms',
      [
        100,
        [
          [20, 40],
          [30, 64.9],
        ],
      ],
      false,
    ],
    [
      'but then',
      [
        100,
        [
          [20, 40],
          [40, 65],
        ],
      ],
      true,
    ],
    [
      'that becomes faster, but not as fast as the loop, goes back',
      [
        1000,
        [
          [100, 400],
          [200, 740],
        ],
      ],
      true,
    ],
    [
      'of an unknown number of items stays',
      [
        null,
        [
          [100, 200],
          [200, 400],
        ],
      ],
      false,
    ],
    [
      'that wins stays',
      [
        1000,
        [
          [200, 120],
          [400, 240],
        ],
      ],
      false,
    ],
    [
      'whose items differ, but not by chance, goes back',
      [
        1000,
        [
          [200, 400],
          [400, 800],
        ],
        timingOf(1, 1, 1, 1, 1, 1, 1, 20),
      ],
      true,
    ],
    [
      'whose items differ by chance stays',
      [
        1000,
        [
          [100, 120],
          [200, 240],
        ],
        timingOf(0.1, 10, 0.1, 10),
      ],
      false,
    ],
  ])('%s', (_, asked, expected) => {
    expect(goesBack(...asked)).toBe(expected)
  })
})

describe('a run of items that differ', () => {
  it('is none where items overlap, which end as they like', () => {
    const { scheduler, subject, begin } = taught()
    const { measured } = scheduler.recall(subject, 'an item')!
    scheduler.sampled(subject, 'an item', { ...measured!, isAsync: true, cpuShare: 0.95, itemMs: 2 })
    scheduler.after(begin(1000, ONE), seen(60, 1, 0), came(1000, 1000, 600, timingOf(9, 0.1, 9, 0.1, 9)), ONE)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({ gain: 2000 / 600, isWarm: true })
  })

  it('does not go back while this thread takes as long for an item as both lanes together', () => {
    const goesBack = (here: Timing): boolean => {
      const course = taught().begin(100, ONE)
      return [
        [12, 26],
        [24, 52],
      ].map(([settled, ms]) => lookAtWorkers(course, came(100, settled!, ms!, timingOf(4, 4, 4)), here))[1]!
    }
    expect([goesBack(timingOf(1, 1, 1, 1, 1, 1, 9, 9)), goesBack(timingOf(4, 4, 4, 4))]).toEqual([false, true])
  })

  it('has workers tried once they could have saved what they cost, though its first items seemed to be compiled', () => {
    const { scheduler, subject, begin } = twoCores()
    const shrinking = timingOf(...Array.from({ length: 60 }, (_, i) => (60 - i) / 12))
    const run = (there = NONE): number =>
      scheduler.after(begin(60, there), { ...seen(0, 0, 0), timing: shrinking }, undefined, there)
    const coldMs = () => scheduler.recall(subject, 'an item')!.measured!.coldMs
    run()
    expect(coldMs()).toBeGreaterThan(100)
    const runs = [run(), run(), run()]
    expect([coldMs(), Math.max(...runs)]).toEqual([0, 1])
    expect(begin(60, ONE).decision?.chosen.mode).toBe('threads')
  })
})

describe('after a run', () => {
  it('nothing is learnt where nothing was run', () => {
    const { scheduler, subject, begin } = twoCores()
    expect(scheduler.after(begin(100, NONE), seen(0, 0, 100), undefined, NONE)).toBe(0)
    expect(scheduler.recall(subject, 'an item')?.measured).toBeUndefined()
    const known = taught()
    expect(known.scheduler.after(known.begin(100, ONE), seen(0, 0, 100), came(100, 0, 10), ONE)).toBe(0)
    expect(known.scheduler.recall(known.subject, 'an item')?.isWarm).toBe(false)
    expect(begin(100, ONE).decision).toBeUndefined()
  })

  it('what the loop took is learnt where the run had ended before its workers came', () => {
    const { scheduler, subject, begin } = taught()
    const course = begin(100, ONE)
    expect(course.decision).toBeDefined()
    scheduler.after(course, seen(100, 0.5, 0), undefined, ONE)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({
      measured: { itemMs: 0.5 },
      gain: undefined,
      isWarm: false,
    })
  })

  it('nothing is learnt where workers have settled nothing', () => {
    const { scheduler, subject, begin } = taught()
    scheduler.after(begin(100, ONE), seen(50, 5, 0), came(100, 0, 250), ONE)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({ gain: undefined, measured: { itemMs: 1 } })
  })

  it('what is learnt is known of runs that begin with an item like its first, whichever item was weighed', () => {
    const { scheduler, subject, begin } = twoCores()
    const long = 'an item that is many times as long as the first of its run'.repeat(100)
    const course = begin(100, NONE)
    expect(scheduler.during(course, seen(50, 1, 100, long), ONE)?.chosen.mode).toBe('threads')
    scheduler.after(course, seen(50, 1, 0, long), came(100, 100, 50), ONE)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({ gain: 2, measured: { itemMs: 1 } })
    expect(scheduler.recall(subject, long)).toBeUndefined()
  })

  it('what workers took is held against the loop', () => {
    const { scheduler, subject, begin } = taught()
    scheduler.after(begin(100, ONE), seen(0, 0, 0), came(100, 80, 50), ONE)
    expect(scheduler.recall(subject, 'an item')?.gain).toBeCloseTo(1.6, 6)
  })

  it('items are uneven that were so here or in workers, and stay so until this thread has seen enough of them', () => {
    const even = timingOf(1, 1, 1, 1, 1, 1, 1, 1)
    const uneven = timingOf(1, 1, 1, 1, 1, 1, 1, 40)
    const { scheduler, subject, begin } = taught()
    const run = (here: typeof even, there: typeof even): boolean => {
      scheduler.after(begin(100, ONE), { ...seen(0, 1, 0), timing: here }, came(100, 100, 60, there), ONE)
      return scheduler.recall(subject, 'an item')!.isUneven
    }
    expect(run(even, even)).toBe(false)
    expect(run(uneven, even)).toBe(true)
    expect(run(timingOf(1, 1, 1, 1, 1, 1, 1), even)).toBe(true)
    expect(run(even, even)).toBe(false)
    expect(run(even, uneven)).toBe(true)
  })

  it.each<[string, number, number[], number | undefined]>([
    ['what workers gained of mixed items', 90, [1, 1, 1, 1, 1, 1, 1, 20], 2],
    ['not where they joined late: the last may be the long ones', 89, [1, 1, 1, 1, 1, 1, 1, 20], undefined],
    ['of items that are alike, whenever they joined', 50, [1, 1, 1, 1, 1, 1, 1, 1], 2],
  ])('is held against the loop: %s', (_, settled, times, gain) => {
    const { scheduler, subject, begin } = taught()
    const since = came(settled, settled, settled / 2, timingOf(...times))
    scheduler.after(begin(100, ONE), { ...seen(0, 1, 100), timing: timingOf() }, since, ONE)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({ gain, isWarm: true })
  })

  it('no worker is made ready for runs of less than 2 ms, where some are there or starting, or where workers have lost', () => {
    const readyAfter = (runs: number, ms: number, there = NONE): number => {
      const { scheduler, begin } = twoCores()
      let most = 0
      for (let times = 0; times < runs; times++)
        most = Math.max(most, scheduler.after(begin(100, NONE), seen(100, ms / 100, 0), undefined, there))
      return most
    }
    const enough = Math.ceil((2 * spawnMs) / 2) + 5
    expect(readyAfter(enough, 2)).toBe(1)
    expect(readyAfter(2 * enough, 1.99)).toBe(0)
    expect(readyAfter(enough, 2, ONE)).toBe(0)
    expect(readyAfter(enough, 2, { idle: 0, working: 0, startingMs: 5 })).toBe(0)
  })
})
