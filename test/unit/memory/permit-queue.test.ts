import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { semaphores } from '../../../dist/memory/semaphore/index.js'
import { PriorityList, type Prioritized } from '../../../dist/memory/semaphore/priority-list.js'
import { type PermitWaiter, PermitQueue } from '../../../dist/memory/semaphore/queue.js'
import type { Semaphore } from '../../../dist/memory/semaphore/semaphore.js'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'

/**
 * A semaphore as this process sees it, which others use that ring no bell here, and one of those.
 *
 * @param now - of the queue; by default Node's own
 */
function ofMachine(maxConcurrent: number, maxQueue = Infinity, now?: () => number) {
  const asked = { maxConcurrent, maxQueue, least: 0, shape: { rows: 2, places: 8 } }
  const { subject: own, address } = semaphores.create(asked, systemClock)
  const other = semaphores.open(address, asked, systemClock).subject
  const seen = { looks: 0, polls: 0 }
  const atDeath: (() => void)[] = []
  const reclaim = (): void => {
    seen.looks++
    for (const each of atDeath.splice(0)) each()
  }
  const collect = (): number => {
    seen.polls++
    return own.collect()
  }
  const semaphore = new Proxy<Semaphore>(own, {
    get(target, name) {
      if (name === 'isOfMachine') return true
      if (name === 'reclaim') return reclaim
      if (name === 'collect') return collect
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { queue: new PermitQueue(semaphore, now), semaphore, other, seen, atDeath }
}

/** How long a busy machine may take for what comes in some milliseconds. */
const PATIENT = 10_000

/** Lets the queue look a few times for what other processes have given back. */
async function severalPolls(seen: { readonly polls: number }): Promise<void> {
  const before = seen.polls
  await vi.waitFor(() => expect(seen.polls).toBeGreaterThanOrEqual(before + 3), PATIENT)
}

function waiterIn(order: string[], name: string, priority = 5): PermitWaiter {
  return { previous: null, next: null, priority, admitted: () => void order.push(name) }
}

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('the callers of a thread that wait for permits', () => {
  it('get those that other processes give back soon, though nothing rings, and set no timers beyond that', async () => {
    const { queue, other, seen } = ofMachine(1)
    other.take()
    const order: string[] = []
    expect([queue.enter(waiterIn(order, 'first')), queue.enter(waiterIn(order, 'second'))]).toEqual([1, 1])
    await severalPolls(seen)
    expect([order, queue.size]).toEqual([[], 2])
    other.give()
    await vi.waitFor(() => expect([order, queue.size]).toEqual([['first'], 1]), PATIENT)
    queue.leave()
    expect([order, queue.size]).toEqual([['first', 'second'], 0])
    queue.leave()
    expect(other.inUse()).toBe(0)
    const { polls } = seen
    // Six times as long as it takes to see that it goes on.
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(seen.polls).toBe(polls)
  })

  it('get those of other processes also where fake timers come and go meanwhile, which hold nothing of this', async () => {
    const { queue, other } = ofMachine(1)
    for (const wait of ['as they came', 'while they were there']) {
      other.take()
      const order: string[] = []
      if (wait === 'as they came') queue.enter(waiterIn(order, wait))
      vi.useFakeTimers()
      if (wait !== 'as they came') queue.enter(waiterIn(order, wait))
      expect(vi.getTimerCount()).toBe(0)
      vi.useRealTimers()
      other.give()
      await vi.waitFor(() => expect(order).toEqual([wait]), PATIENT)
      vi.useFakeTimers()
      queue.leave()
      vi.useRealTimers()
    }
  })

  it('get those that processes held which have ended; to look for such takes time, so that is done ten times a second', async () => {
    let nowMs = 0
    const { queue, other, seen, atDeath } = ofMachine(1, Infinity, () => nowMs)
    other.take()
    const order: string[] = []
    queue.enter(waiterIn(order, 'waits'))
    await severalPolls(seen)
    nowMs = 99
    await severalPolls(seen)
    expect(seen.looks).toBe(1)
    nowMs = 100
    await severalPolls(seen)
    expect([seen.looks, order]).toEqual([2, []])
    atDeath.push(() => other.give())
    nowMs = 200
    await vi.waitFor(() => expect(order).toEqual(['waits']), PATIENT)
  })

  it('are refused only after a look for processes that have ended', () => {
    let nowMs = 0
    const { queue, other, seen, atDeath } = ofMachine(1, 0, () => nowMs)
    other.take()
    const order: string[] = []
    const waiter = waiterIn(order, 'waits')
    atDeath.push(() => other.give())
    expect([queue.enter(waiter), seen.looks, queue.size]).toEqual([0, 1, 0])
    expect([queue.enter(waiter), seen.looks, queue.reclaim()]).toEqual([2, 1, false])
    nowMs += 99
    expect([queue.enter(waiter), seen.looks]).toEqual([2, 1])
    nowMs += 1
    atDeath.push(queue.leave)
    expect([queue.enter(waiter), seen.looks]).toEqual([0, 2])
    nowMs += 100
    // Nobody looks where a place is free.
    queue.leave()
    expect([queue.enter(waiter), seen.looks, queue.reclaim(), queue.reclaim()]).toEqual([0, 2, true, false])
  })

  it('are looked after by Node’s own clock: that of a test framework may be years ahead, and then be gone', async () => {
    const { queue } = ofMachine(1)
    vi.useFakeTimers()
    vi.advanceTimersByTime(1e9)
    expect(queue.reclaim()).toBe(true)
    vi.useRealTimers()
    await vi.waitFor(() => expect(queue.reclaim()).toBe(true), PATIENT)
  })

  describe('pass over a thread that does not go on', () => {
    /** A queue of this thread by its own time, and two semaphores as other threads have them. */
    const withOthers = (maxConcurrent: number, maxQueue = Infinity) => {
      const asked = { maxConcurrent, maxQueue, least: 0, shape: { rows: 3, places: 8 } }
      const { subject: own, address } = semaphores.create(asked, systemClock)
      const open = () => semaphores.open(address, asked, systemClock).subject
      const time = { nowMs: 0 }
      return { queue: new PermitQueue(own, () => time.nowMs), own, stopped: open(), other: open(), time }
    }
    /** One look each tenth of a second. */
    const lookUntil = (queue: PermitQueue, time: { nowMs: number }, ms: number): void => {
      while (time.nowMs < ms) {
        time.nowMs += 100
        queue.reclaim()
      }
    }

    it('after a second of looks, and serve it first when it does', () => {
      const { queue, own, stopped, other, time } = withOthers(1)
      other.take()
      expect([stopped.acquire(), stopped.acquire()]).toEqual([1, 1])
      const order: string[] = []
      for (const name of ['first', 'second', 'third']) queue.enter(waiterIn(order, name))
      other.give()
      queue.reclaim()
      lookUntil(queue, time, 900)
      doorbell.answer()
      expect([order, own.inUse(), own.waiting()]).toEqual([[], 1, 4])
      lookUntil(queue, time, 1000)
      doorbell.answer()
      expect([order, own.inUse(), own.waiting()]).toEqual([['first'], 1, 4])
      // From now on it holds up nobody, for moments neither.
      queue.leave()
      expect([order, own.inUse(), own.waiting()]).toEqual([['first', 'second'], 1, 3])
      // It goes on: both of its callers are before the third.
      expect(stopped.collect()).toBe(0)
      queue.leave()
      expect([order.length, stopped.collect(), stopped.held(), own.inUse()]).toEqual([2, 1, 1, 1])
      stopped.give()
      expect([order.length, stopped.collect()]).toEqual([2, 1])
      stopped.give()
      doorbell.answer()
      expect([order, own.inUse(), own.waiting()]).toEqual([['first', 'second', 'third'], 1, 0])
      queue.leave()
      expect(own.inUse()).toBe(0)
    })

    it('take all back that it was handed, and give it what is free when it goes on', () => {
      const { queue, own, stopped, other, time } = withOthers(3)
      for (let i = 0; i < 3; i++) other.take()
      for (let i = 0; i < 4; i++) stopped.acquire()
      for (let i = 0; i < 3; i++) other.give()
      expect([own.available(), own.waiting()]).toEqual([0, 1])
      expect(queue.tryEnter()).toBe(false)
      queue.reclaim()
      lookUntil(queue, time, 1000)
      // It has not lost a place, and who comes need not wait for it.
      expect([own.available(), own.waiting()]).toEqual([3, 4])
      expect([queue.enter(waiterIn([], 'never waits')), own.inUse()]).toEqual([0, 1])
      expect([stopped.collect(), stopped.held(), own.inUse(), own.waiting()]).toEqual([2, 2, 3, 2])
      queue.leave()
      expect([stopped.collect(), stopped.held(), own.inUse(), own.waiting()]).toEqual([1, 3, 3, 1])
    })

    it('also where nobody waits', () => {
      const { queue, own, stopped, other, time } = withOthers(1, 1)
      other.take()
      stopped.acquire()
      other.give()
      const order: string[] = []
      expect([own.acquire(), queue.enter(waiterIn(order, 'no place'))]).toEqual([1, 2])
      own.cancel()
      lookUntil(queue, time, 1000)
      expect([queue.tryEnter(), own.inUse(), own.waiting()]).toEqual([undefined, 1, 1])
    })

    it('but not one that collects, however slowly, nor one that was handed something a moment ago', () => {
      const { queue, own, stopped, other, time } = withOthers(1)
      other.take()
      for (let i = 0; i < 3; i++) stopped.acquire()
      const order: string[] = []
      queue.enter(waiterIn(order, 'waits'))
      other.give()
      for (let turn = 1; turn <= 3; turn++) {
        queue.reclaim()
        lookUntil(queue, time, turn * 1000 - 100)
        expect(stopped.collect()).toBe(1)
        lookUntil(queue, time, turn * 1000 + 5000)
        time.nowMs = turn * 1000
        expect([order, stopped.held(), own.inUse()]).toEqual([[], 1, 1])
        stopped.give()
      }
      doorbell.answer()
      expect(order).toEqual(['waits'])
    })

    it('and lose nothing where it ends instead, or gives up', () => {
      const { queue, own, stopped, other, time } = withOthers(1)
      other.take()
      for (let i = 0; i < 2; i++) stopped.acquire()
      other.give()
      queue.reclaim()
      lookUntil(queue, time, 1000)
      expect([stopped.cancel(), stopped.cancel(), stopped.cancel(), stopped.collect()]).toEqual([true, true, false, 0])
      expect([own.inUse(), own.waiting(), queue.tryEnter(), other.take()]).toEqual([0, 0, undefined, false])
    })
  })

  it('keep the thread alive while another thread has what they wait for, and no longer', () => {
    const held: string[] = []
    vi.spyOn(doorbell, 'hold').mockImplementation(() => void held.push('hold'))
    vi.spyOn(doorbell, 'letGo').mockImplementation(() => void held.push('letGo'))
    const { queue, other } = ofMachine(2)
    other.take()
    queue.tryEnter()
    const order: string[] = []
    const [first, second] = [waiterIn(order, 'first'), waiterIn(order, 'second')]
    queue.enter(first)
    queue.enter(second)
    expect(held).toEqual(['hold'])
    // All permits are here now: nobody else can give one.
    other.give()
    queue.leave()
    expect([order, held]).toEqual([
      ['first', 'second'],
      ['hold', 'letGo'],
    ])
    other.acquire()
    queue.enter(first)
    expect(held).toEqual(['hold', 'letGo'])
    // One that goes to another thread is that one's to give.
    queue.leave()
    expect([other.collect(), queue.size, held]).toEqual([1, 1, ['hold', 'letGo', 'hold']])
    queue.giveUp(first)
    expect(held).toEqual(['hold', 'letGo', 'hold', 'letGo'])
  })

  it('hand on a permit for one who has given up meanwhile, or give it back', () => {
    const { queue, other } = ofMachine(1)
    const order: string[] = []
    const [first, second] = [waiterIn(order, 'first'), waiterIn(order, 'second')]
    other.take()
    queue.enter(first)
    queue.enter(second)
    other.give()
    queue.giveUp(first)
    queue.giveUp(second)
    expect([order, queue.size, other.inUse(), other.waiting()]).toEqual([[], 0, 0, 0])
    other.take()
    queue.enter(first)
    queue.enter(second)
    other.give()
    queue.giveUp(first)
    doorbell.answer()
    expect([order, other.inUse()]).toEqual([['second'], 1])
  })

  it('are let in at once where a call that ends raises the limit', () => {
    const limits = { maxConcurrent: 40, maxQueue: Infinity, least: 1, shape: { rows: 2, places: 8 } }
    const queue = new PermitQueue(semaphores.create(limits, systemClock).subject)
    for (let call = 0; call < 40 && queue.tryEnter() === undefined; call++);
    const order: string[] = []
    queue.enter(waiterIn(order, 'waits'))
    const before = queue.semaphore.inUse()
    for (let ms = 1000; order.length === 0 && ms < 5000; ms += 101) {
      for (let call = 0; call < 10; call++) queue.ended(ms, 5)
    }
    expect([order, queue.semaphore.inUse(), queue.size]).toEqual([['waits'], before + 1, 0])
  })

  it('stand in the order of their priority, then of their arrival', () => {
    const script = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.option(fc.nat({ max: 20 }))), { maxLength: 40 })
    interface Member extends Prioritized<Member> {
      readonly arrival: number
    }
    fc.assert(
      fc.property(script, (steps) => {
        const list = new PriorityList<Member>()
        let model: Member[] = []
        steps.forEach(([priority, leaver], arrival) => {
          const member: Member = { priority, arrival, previous: null, next: null }
          list.append(member)
          model.push(member)
          model.sort((a, b) => b.priority - a.priority || a.arrival - b.arrival)
          const leaves = leaver === null ? undefined : model[leaver]
          if (leaves !== undefined) {
            list.remove(leaves)
            model = model.filter((each) => each !== leaves)
          }
          const found: Member[] = []
          for (let each = list.first; each !== null; each = each.next) found.push(each)
          expect(found).toEqual(model)
          expect([list.size, list.last]).toEqual([model.length, model.at(-1) ?? null])
        })
      }),
    )
  })
})
