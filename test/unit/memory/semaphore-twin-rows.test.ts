import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { semaphores } from '../../../dist/memory/semaphore/index.js'
import { cellsOf, SHARED_SHAPE, type SemaphoreLimits } from '../../../dist/memory/semaphore/semaphore.js'
import { TwinSemaphore } from '../../../dist/memory/semaphore/twin.js'
import { SEMAPHORE, WORDS_PER_CELL } from '../../../dist/memory/shared/layout.js'

const SHAPE = { rows: 2, places: 8 }

function semaphoreOf(limits: Partial<SemaphoreLimits>): { words: BigInt64Array; one: TwinSemaphore } {
  const all = { maxConcurrent: 1, maxQueue: Infinity, least: 0, ...limits }
  const words = new BigInt64Array(new SharedArrayBuffer(8 * WORDS_PER_CELL * cellsOf(SHAPE, all.least)))
  return { words, one: TwinSemaphore.create(words, all, SHAPE)! }
}

/** Every call there is room for is under way, and ten of it have ended by time limits when a window is over. */
function lower(semaphore: TwinSemaphore, fromMs: number): boolean {
  semaphore.ended(fromMs, -1)
  let hasLetIn = false
  for (let call = 0; call < 10; call++) hasLetIn = semaphore.ended(fromMs + 101, -1) || hasLetIn
  return hasLetIn
}

describe('the rows of threads in a semaphore of the twin', () => {
  it('tells who gives back whether that may have let in a caller of the same thread', () => {
    const { one, words } = semaphoreOf({ maxConcurrent: 2 })
    const two = TwinSemaphore.open(words)!
    expect([one.take(), one.give()]).toEqual([undefined, undefined])
    expect([one.take(), one.take(), one.take()]).toEqual([undefined, undefined, false])
    expect([two.acquire(), two.acquire()]).toEqual([1, 1])
    expect([one.give(), two.collect(), one.give(), two.collect()]).toEqual([true, 1, true, 1])
    expect([two.held(), one.held(), two.give(), two.give()]).toEqual([2, 0, undefined, undefined])
    expect([one.collect(), two.collect(), one.inUse()]).toEqual([0, 0, 0])
  })

  it('lets in more than one where the limit has risen and nobody has done so yet', () => {
    const { one, words } = semaphoreOf({ maxConcurrent: 1 })
    const two = TwinSemaphore.open(words)!
    one.take()
    for (let call = 0; call < 3; call++) two.acquire()
    const terms = words[SEMAPHORE.terms]!
    expect([one.update({ maxConcurrent: 3 }), two.collect()]).toEqual([true, 2])
    expect([one.update({ least: 4 }), two.collect()]).toEqual([false, 0])
    expect(one.give()).toBe(true)
    expect(two.collect()).toBe(1)
    for (let call = 0; call < 3; call++) one.acquire()
    // As if a thread had ended between the two steps of such a change.
    words[SEMAPHORE.terms] = terms + (3n << BigInt(SEMAPHORE.termsMostShift))
    expect([two.give(), one.collect(), one.waiting()]).toEqual([true, 2, 1])
  })

  it('tells who counts a call whether a limit that has risen lets in another, and only then', () => {
    const { one } = semaphoreOf({ maxConcurrent: 40, least: 1 })
    for (let call = 0; call < 16; call++) one.take()
    expect(lower(one, 1000)).toBe(false)
    expect(one.limit()).toBeLessThan(16)
    while (one.held() > 0) one.give()
    for (let call = 0; call < 40 && one.take() === undefined; call++);
    expect(one.acquire()).toBe(1)
    const told: boolean[] = []
    for (let ms = 1300; one.waiting() > 0 && ms < 5000; ms += 101) {
      for (let call = 0; call < 10; call++) told.push(one.ended(ms, 5))
    }
    expect(told.filter((hasLetIn) => hasLetIn)).toEqual([true])
    expect([one.collect(), one.waiting()]).toEqual([1, 0])
  })

  it('takes nothing back that was not taken', () => {
    const { one } = semaphoreOf({ maxQueue: 0 })
    expect(() => one.give()).toThrow(new RangeError('semaphore: this thread holds no permit'))
    expect([one.inUse(), one.available(), one.founding]).toEqual([0, 1, { maxConcurrent: 1, maxQueue: 0, least: 0 }])
  })

  it('has room for as many as there are rows, and for the next when one has ended', () => {
    const { one, words } = semaphoreOf({})
    const two = TwinSemaphore.open(words)!
    expect([one.isOfMachine, two.isOfMachine, TwinSemaphore.open(words)]).toEqual([false, false, null])
    two.take()
    one.buryThread(threadId + 1)
    expect([one.inUse(), TwinSemaphore.open(words)]).toEqual([1, null])
    one.buryThread(threadId)
    expect([one.inUse(), TwinSemaphore.open(words)!.take()]).toEqual([0, undefined])
  })

  it('opens nothing but whole semaphores', () => {
    const wrong = 'semaphore: the view does not hold a semaphore with all of its cells'
    for (const least of [0, 2]) {
      const { words } = semaphoreOf({ maxConcurrent: 4, least })
      expect(() => TwinSemaphore.open(words.subarray(0, -WORDS_PER_CELL))).toThrow(new TypeError(wrong))
      expect(() => TwinSemaphore.open(new BigInt64Array(words.length))).toThrow(new TypeError(wrong))
      expect(() => TwinSemaphore.open(words.subarray(0, 1))).toThrow(new TypeError(wrong))
      const otherKind = words.slice()
      otherKind[SEMAPHORE.kind]!++
      expect(() => TwinSemaphore.open(otherKind)).toThrow(new TypeError(wrong))
      expect(TwinSemaphore.open(words)!.founding.least).toBe(least)
    }
  })
})

it('a semaphore in use by as many threads as it has rows says so to the next', () => {
  const terms = { maxConcurrent: 2, maxQueue: 0, least: 0, shape: SHARED_SHAPE }
  const { address, subject } = semaphores.create(terms, systemClock)
  const more = Array.from({ length: SEMAPHORE.rows - 1 }, () => semaphores.open(address, terms, systemClock).subject)
  expect(more.map((each) => each.take()).filter((taken) => taken === undefined)).toHaveLength(2)
  expect(() => semaphores.open(address, terms, systemClock)).toThrow(
    expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'full' }),
  )
  expect(subject.inUse()).toBe(2)
})
