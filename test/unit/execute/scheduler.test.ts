import { describe, expect, it } from 'vitest'
import { calibration } from '../../../dist/execute/schedule/calibration.js'
import { Timing } from '../../../dist/execute/schedule/timing.js'
import type { Observation } from '../../../dist/execute/schedule/sample.js'
import type { WorkersThere } from '../../../dist/execute/schedule/planner.js'
import { type Course, lookAtWorkers } from '../../../dist/execute/schedule/course.js'
import { came, NONE, ONE, timingOf, seen, taught, twoCores } from '../support/scheduling.js'

const { spawnMs } = calibration

describe('before a run', () => {
  it.each<[string, () => Course, 'threads' | undefined]>([
    ['nothing is known of a task that has not run', () => twoCores().begin(1000, ONE), undefined],
    ['workers that are there, for a task that is known to be worth them', () => taught().begin(1000, ONE), 'threads'],
    ['the loop where there are none', () => taught().begin(1000, NONE), undefined],
    ['the loop for what is too short', () => taught().begin(0.3, ONE), undefined],
    ['the loop for items of another kind', () => taught().begin(1000, ONE, { other: 1 }), undefined],
    ['the loop where nobody knows how many there are', () => taught().begin(null, ONE), undefined],
    ['the loop where nothing earlier may be used', () => taught({ useCache: false }).begin(1000, ONE), undefined],
  ])('%s', (_, course, mode) => {
    expect(course().decision?.chosen.mode).toBe(mode)
  })

  it('has a run ask for workers that others have: these make way, or end', () => {
    const { begin } = taught()
    expect(begin(1000, { ...NONE, working: 1 }).decision?.chosen).toMatchObject({ mode: 'threads', workers: 1 })
    expect(begin(1000, NONE).decision).toBeUndefined()
  })

  it('has a worker run a single item that would block the event loop, once some like it have shown that', () => {
    const { scheduler, begin } = twoCores()
    const runs = [0, 1, 2].map(() => {
      const course = begin(1, ONE)
      scheduler.after(course, seen(1, 20, 0), undefined, ONE)
      return course.decision?.chosen.mode
    })
    expect(runs).toEqual([undefined, undefined, undefined])
    expect(begin(1, ONE).decision).toMatchObject({ chosen: { mode: 'threads', workers: 1 }, inputs: { blocks: true } })
    // Runs of more items tell by themselves.
    const short = taught()
    short.scheduler.after(short.begin(3, NONE), seen(3, 20, 0), undefined, NONE)
    expect(short.begin(1, ONE).decision).toBeUndefined()
  })

  it('leaves items that would block the event loop to workers alone, one for each core', () => {
    const { scheduler, begin } = twoCores()
    scheduler.after(begin(100, NONE), seen(100, 20, 0), undefined, NONE)
    expect(begin(100, ONE).decision).toMatchObject({ chosen: { workers: 2 }, inputs: { mainWorks: false } })
  })
})

describe('after a run with workers', () => {
  it('knows of long items, of which this thread had run too few when workers were chosen', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(100, NONE)
    course.decision = scheduler.during(course, seen(2, 20, 98), ONE)
    expect(course.decision?.inputs.mainWorks).toBe(true)
    scheduler.after(course, seen(4, 20, 0), came(96, 96, 1000, timingOf(20, 20)), ONE)
    expect(begin(100, ONE).decision?.inputs.mainWorks).toBe(false)
  })
})

describe('during a run', () => {
  it.each<[string, WorkersThere, Observation, boolean]>([
    ['workers are started for much work', NONE, seen(4, 1, 1e4), true],
    ['not before the task is compiled', NONE, seen(2, 1, 1e4), false],
    ['not for less than four times what a start costs, of its first items', NONE, seen(4, 1, 3.9 * spawnMs), false],
    ['for little where one is there', ONE, seen(4, 1, 10), true],
    ['not for an item that no thread can have', ONE, seen(4, 1, 1e4, () => 1), false],
    ['not for the last item', ONE, seen(4, 1, 1), false],
  ])('%s', (_, there, observation, expected) => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, there)
    expect(scheduler.during(course, observation, there) !== undefined).toBe(expected)
  })

  it.each<[string, number, number[], boolean[]]>([
    ['for a little more', 4.1, [4], [true]],
    ['for three times as much after two slices', 3.1, [4, 8], [false, true]],
    ['never for less', 2.9, [4, 8, 12, 16], [false, false, false, false]],
  ])('starts them %s', (_, starts, ms, expected) => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, NONE)
    const isStarted = (seenMs: number): boolean =>
      scheduler.during(course, seen(seenMs, 1, starts * spawnMs), NONE) !== undefined
    expect(ms.map(isStarted)).toEqual(expected)
  })

  describe('where engines may still be compiling the task', () => {
    const long = [40, 24, 9, 13]
    const looks = (times: number[][], left: number | null = 100, options = {}): boolean[] => {
      const { scheduler, begin } = twoCores(options)
      const course = begin(null, NONE)
      return times.map(
        (all) =>
          scheduler.during(course, { ...seen(0, 1, 0), items: left, timing: timingOf(...all) }, NONE) !== undefined,
      )
    }

    it('starts none while items become shorter, and looks again after twice as long', () => {
      const shorter = [...long, ...Array.from({ length: 12 }, () => 8)]
      const steady = [...shorter, ...Array.from({ length: 24 }, () => 8)]
      expect(looks([long, [...long, 8, 8], shorter, steady])).toEqual([false, false, false, true])
      const longer = [...long, 40, 40]
      expect([looks([longer]), looks([long, longer])]).toEqual([[true], [false, false]])
    })

    it('waits for four long items, but not for more of the same', () => {
      const same = (count: number): number[] => Array.from({ length: count }, () => 20)
      expect(looks([same(1), same(2), same(4)])).toEqual([false, false, true])
      expect(looks([[10]], 1000)).toEqual([true])
    })

    it('waits no longer than most tasks take to be compiled: items may become shorter for a reason of their own', () => {
      expect([looks([[400]], 1000), looks([[401]], 1000)]).toEqual([[false], [true]])
      expect([looks([[240, 120, 20, 20]]), looks([[240, 120, 21, 20]])]).toEqual([[false], [true]])
    })

    it('does not wait where few items are left, nor where this thread is to run none', () => {
      expect([looks([[40]], 19), looks([[40]], 20), looks([[150], [140, 20]], null)]).toEqual([
        [true],
        [false],
        [false, false],
      ])
      expect(looks([long], 100, { mainThread: false })).toEqual([true])
    })
  })

  it('thinks again only when twice as much has been run', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, ONE)
    const asks: number[] = []
    for (let ran = 4; ran < 100; ran++) {
      const observation = seen(ran, 1, 1)
      Object.defineProperty(observation, 'result', { get: () => asks.push(ran) && 'a result' })
      scheduler.during(course, observation, ONE)
    }
    expect(asks).toEqual([4, 8, 16, 32, 64])
  })

  it.each<[string, Timing, boolean]>([
    ['enough of them', timingOf(...Array<number>(16).fill(0.5)), true],
    ['too few to tell', timingOf(...Array<number>(15).fill(0.5)), false],
    [
      'items that differ, of which others may have had the long ones',
      timingOf(...Array<number>(15).fill(0.3), 8),
      false,
    ],
  ])(
    'goes back where this thread has seen since that the loop takes less than the first items said: %s',
    (_, here, expected) => {
      const { begin } = taught()
      const course = begin(1000, ONE)
      const goesBack = [1, 2].map((look) => lookAtWorkers(course, came(1000, 200 * look, 150 * look), here))
      expect(goesBack).toEqual([false, expected])
    },
  )

  it('goes back though items take longer in this thread than they did before there were workers', () => {
    const { begin } = taught()
    const course = begin(1000, ONE)
    const here = timingOf(...Array<number>(16).fill(2))
    expect([1, 2].map((look) => lookAtWorkers(course, came(1000, 200 * look, 300 * look), here))).toEqual([false, true])
  })

  it('has nothing to go back from where workers were never decided on', () => {
    const { begin } = twoCores()
    const course = begin(1000, ONE)
    expect([1, 2].map((look) => lookAtWorkers(course, came(1000, 200 * look, 400 * look), timingOf()))).toEqual([
      false,
      false,
    ])
  })

  it.each<[string, Timing, boolean]>([
    ['items that are as long as the first', timingOf(50, 50, 50), true],
    ['the first items alone were long', timingOf(50, 1, 1), false],
  ])('asks again when the first worker is ready: %s', (_, timing, expected) => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, NONE)
    const few = { ...seen(0, 1, 19), timing: timingOf(50) }
    expect(scheduler.during(course, few, NONE)).toBeDefined()
    expect(scheduler.reconsider(course, { ...seen(0, 1, 17), timing })).toBe(expected)
    expect(course.decision !== undefined).toBe(expected)
  })

  it.each<[string, number, number, number, boolean]>([
    ['what they compute keeps the thread busy', 0.95, 5, 100, true],
    ['it has time left', 0.5, 5, 100, false],
    ['each computes for a millisecond', 0.95, 1, 100, true],
    ['each computes little: it is the waiting that takes the time', 0.95, 0.9, 100, false],
    ['the thread has not been watched for long', 0.95, 5, 4, false],
  ])('leaves items that wait to workers where their computing is worth it: %s', (_, share, itemMs, count, expected) => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, ONE)
    const observation = { ...seen(count, itemMs, 1e4), isAsync: true, busy: { share, cores: share } }
    expect(scheduler.during(course, observation, ONE) !== undefined).toBe(expected)
  })

  it('sees no gain where what compiles and collects garbage keeps the other core busy', () => {
    const { scheduler, begin } = twoCores()
    const observation = { ...seen(4, 1, 1e4), busy: { share: 1, cores: 1.95 } }
    expect(scheduler.during(begin(null, ONE), observation, ONE)).toBeUndefined()
  })
})

describe('after a run', () => {
  it('stays with workers as long as they win', () => {
    const { run } = taught()
    expect(Array.from({ length: 5 }, () => run(100, 1.5))).toEqual(Array(5).fill('threads'))
  })

  it('stays in the loop for a number of runs that doubles with each loss', () => {
    const { run } = taught()
    const began = Array.from({ length: 20 }, () => run(100, 0.88))
    const trials = began.flatMap((mode, at) => (mode === 'threads' ? [at] : []))
    // The first does not count.
    expect(trials).toEqual([0, 1, 3, 6, 11])
  })

  it('tries at least every 65th run', () => {
    const { run } = taught()
    let loops = 0
    let most = 0
    for (let times = 0; times < 1000; times++) {
      loops = run(100, 0.5) === 'loop' ? loops + 1 : 0
      most = Math.max(most, loops)
    }
    expect(most).toBe(64)
  })

  it('forgets losses with the first win', () => {
    const { run } = taught()
    expect(run(100, 1.5)).toBe('threads')
    expect([0.7, 1, 1.5, 1.5, 0.7, 1, 1.5].map((gain) => run(100, gain))).toEqual(
      ['threads', 'loop', 'threads', 'threads', 'threads', 'loop', 'threads'], // prettier-ignore
    )
  })

  it('tries workers again that have gained too little to be chosen: their engines may have been compiling', () => {
    for (const gain of [0.96, 1, 1.05]) {
      const { run } = taught()
      const began = Array.from({ length: 10 }, (_, at) => run(100, at < 4 ? gain : 1.6))
      const losses = ['threads', 'threads', 'loop', 'threads', 'loop', 'loop']
      expect(began, `${gain}`).toEqual([...losses, 'threads', 'threads', 'threads', 'threads'])
    }
  })

  it('takes a loss for one of runs as short as that only', () => {
    const { run } = taught()
    run(100, 0.88)
    expect(run(1000, 1.8)).toBe('threads')
  })

  it('takes what the whole run has shown of items that wait for truer than what was seen at its beginning', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(1000, NONE)
    const waiting = { ...seen(1000, 1, 0), isAsync: true, busy: { share: 0.1, cores: 0.1 } }
    scheduler.after(course, waiting, undefined, NONE)
    expect(begin(1000, ONE).decision).toBeUndefined()
  })

  it('has workers ready for short runs once they have taken as long as a start, and looks at the machine only then', () => {
    const { scheduler, begin, looks } = twoCores()
    const started: number[] = []
    for (let times = 1; times <= 100; times++) {
      const count = scheduler.after(begin(10, NONE), seen(10, 1, 0), undefined, NONE)
      if (count > 0) started.push(times)
      expect(looks()).toBe(started.length)
    }
    const between = Math.ceil(spawnMs / 10)
    expect(started).toEqual(Array.from({ length: Math.floor(100 / between) }, (_, i) => (i + 1) * between))
  })

  it('has none ready for runs that may have no workers', () => {
    const { scheduler, subject } = twoCores()
    for (let times = 0; times < 100; times++) {
      const course = scheduler.before({ ...subject, mayHaveWorkers: () => false }, 10, 'an item', NONE)
      expect(scheduler.after(course, seen(10, 1, 0), undefined, NONE)).toBe(0)
    }
  })
})

describe('uneven items', () => {
  const even = timingOf(1, 1, 1, 1, 1, 1, 1, 1)
  const uneven = timingOf(1, 1, 1, 1, 1, 1, 1, 40)
  const much = 5 * spawnMs

  it.each<[string, number, Partial<Course['subject']['options']>, boolean]>([
    ['are left to workers alone', much, {}, true],
    ['not for less than five times what another takes to start', 0.99 * much, {}, false],
    ['not where the user says who works', much, { mainThread: true }, false],
    ['nor how many', much, { workers: 1 }, false],
  ])('%s', (_, restMs, options, expected) => {
    const { scheduler, begin } = twoCores(options)
    const course = begin(null, ONE)
    expect(scheduler.leavesUneven(course, [uneven, even], restMs)).toBe(expected)
    expect(scheduler.leavesUneven(course, [even, uneven], restMs)).toBe(expected)
    expect(scheduler.leavesUneven(course, [even, even], restMs)).toBe(false)
  })

  it('are known from earlier runs', () => {
    const { scheduler, begin } = taught()
    const leaves = (): boolean => scheduler.leavesUneven(begin(100, ONE), [even], much)
    expect(leaves()).toBe(false)
    scheduler.after(begin(100, ONE), { ...seen(0, 1, 0), timing: uneven }, came(100, 100, 60, even), ONE)
    expect(leaves()).toBe(true)
  })

  it.each<[string, number, Partial<WorkersThere>, number, boolean]>([
    ['are left to workers from the beginning if there is one for each core', 2, { idle: 2 }, 2, false],
    ['even where one is still at the end of another run', 2, { idle: 1, working: 1 }, 2, false],
    ['not where there are fewer', 2, { idle: 1 }, 1, true],
    ['nor for less than five times what another takes to start', 0.5, { idle: 2 }, 1, true],
  ])('%s', (_, times, there, workers, mainWorks) => {
    const { scheduler, begin } = taught()
    scheduler.after(begin(1000, ONE), { ...seen(0, 1, 0), timing: uneven }, came(1000, 1000, 600, even), ONE)
    const { decision } = begin(times * much, { ...NONE, ...there })
    expect(decision).toMatchObject({ chosen: { mode: 'threads', workers }, inputs: { mainWorks } })
  })
})
