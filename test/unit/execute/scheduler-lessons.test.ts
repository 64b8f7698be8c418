import { describe, expect, it } from 'vitest'
import { setImmediate } from 'node:timers/promises'
import { calibration, Calibration } from '../../../dist/execute/schedule/calibration.js'
import { Scheduler } from '../../../dist/execute/schedule/scheduler.js'
import { came, NONE, ONE, seen, taught, timingOf, twoCores } from '../support/scheduling.js'

// As on a machine of which nothing is known: where other files ran in this process, their workers may have been slow to start.
const { spawnMs } = new Calibration()
calibration.spawnMs = spawnMs

describe('what a run teaches', () => {
  it('is learnt once its caller has the results, once', async () => {
    const { scheduler, subject } = twoCores()
    const learnt: string[] = []
    scheduler.learnSoon(() => learnt.push('first'))
    expect(learnt).toEqual([])
    await setImmediate()
    expect(learnt).toEqual(['first'])
    scheduler.recall(subject, 'an item')
    await setImmediate()
    expect(learnt).toEqual(['first'])
  })

  it('is learnt before the next run ends, and before the scheduler is asked about another', () => {
    const { scheduler, subject } = twoCores()
    const learnt: string[] = []
    scheduler.learnSoon(() => learnt.push('first'))
    scheduler.learnSoon(() => learnt.push('second'))
    expect(learnt).toEqual(['first'])
    scheduler.recall(subject, 'an item')
    expect(learnt).toEqual(['first', 'second'])
  })
})

describe('what is known of a task', () => {
  it('is that it returns promises, by its source, unless the user wants nothing remembered', () => {
    const { scheduler, subject } = twoCores()
    const { key, options } = subject
    expect(scheduler.isKnownToWait(key, options)).toBe(false)
    scheduler.foundToWait(subject)
    expect(scheduler.isKnownToWait(key, options)).toBe(true)
    expect(scheduler.isKnownToWait(key, { ...options, useCache: false })).toBe(false)
    expect(scheduler.isKnownToWait('m.mjs#f', options)).toBe(false)
    expect(scheduler.waitingOf(subject).isFree).toBe(false)
  })

  it('is why workers cannot send what it gives, whatever is measured of it later', () => {
    const { scheduler, subject, begin, looks } = taught()
    const course = begin(100, ONE)
    expect(course.decision).toBeDefined()
    scheduler.foundUnfit(course, 'a function cannot be cloned')
    const looked = looks()
    const obstacle = () => scheduler.recall(subject, 'an item')?.measured?.obstacle
    expect(obstacle()).toBe('results cannot come from a thread: a function cannot be cloned')
    const later = begin(100, ONE)
    expect(later.decision).toBeUndefined()
    expect(scheduler.during(later, seen(50, 1, 1000), ONE)).toBeUndefined()
    // What the machine allows is of no use then.
    expect(looks()).toBe(looked)
    expect(obstacle()).toBe('results cannot come from a thread: a function cannot be cloned')
  })
})

describe('a run that would have workers', () => {
  it('has none where the limits of the machine cannot be read', () => {
    const scheduler = new Scheduler(() => {
      throw new Error('EMFILE')
    })
    const { subject } = twoCores()
    const course = scheduler.before(subject, null, 'an item', ONE)
    expect(scheduler.during(course, seen(50, 1, 1000), ONE)).toBeUndefined()
    expect(course.decision).toBeUndefined()
  })

  it('teaches nothing where workers were never decided on', () => {
    const { scheduler, subject, begin } = taught()
    expect(scheduler.after(begin(null, NONE), seen(10, 1, 0), came(100, 100, 10), NONE)).toBe(0)
    expect(scheduler.recall(subject, 'an item')).toMatchObject({ gain: undefined, isWarm: false })
  })

  it('asks once whether it may', () => {
    const { scheduler, subject } = twoCores()
    let asked = 0
    const mayHaveWorkers = () => {
      asked++
      return false
    }
    const course = scheduler.before({ ...subject, mayHaveWorkers }, null, 'an item', ONE)
    for (let ran = 10; ran < 1000; ran *= 2) expect(scheduler.during(course, seen(ran, 1, 1000), ONE)).toBeUndefined()
    expect([asked, course.notBeforeMs]).toEqual([1, Infinity])
  })

  it('waits for four items of a source that does not say how many it has', () => {
    const { scheduler, begin } = twoCores()
    const course = begin(null, NONE)
    const each = 1.6 * spawnMs
    expect(3 * each).toBeLessThan(400)
    // Before the fourth, items may become shorter yet: it looks again after twice as long.
    const starts = [1, 2, 3, 4, 5, 6].map((ran) => {
      const observation = { ...seen(0, 1, 0), items: null, timing: timingOf(...Array<number>(ran).fill(each)) }
      return scheduler.during(course, observation, NONE) !== undefined
    })
    expect(starts).toEqual([false, false, false, true, false, false])
  })
})

describe('items that return promises', () => {
  /** They keep this thread busy for so much of the time. */
  const waiting = (ran: number, share: number) => ({
    ...seen(ran, 10, 1000),
    isAsync: true,
    busy: { share, cores: share },
  })
  const isDecided = (share: number, prefer?: 'async' | 'threads'): boolean => {
    const { scheduler, begin } = twoCores({ prefer })
    return scheduler.during(begin(null, ONE), waiting(10, share), ONE) !== undefined
  }

  it('go to workers only where they keep this thread busy, or these are preferred', () => {
    expect([isDecided(0.9), isDecided(0.8), isDecided(0.8, 'threads'), isDecided(0.8, 'async')]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('do so in the next run as well', () => {
    const isDecidedBefore = (share: number): boolean => {
      const { scheduler, begin } = twoCores()
      scheduler.after(begin(1000, NONE), waiting(1000, share), undefined, NONE)
      return begin(1000, ONE).decision !== undefined
    }
    expect([isDecidedBefore(0.9), isDecidedBefore(0.8)]).toEqual([true, false])
  })
})
