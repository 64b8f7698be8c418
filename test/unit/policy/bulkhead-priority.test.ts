import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bulkhead, bulkhead, coalesce, pipeline, retry, timeout, withBulkhead } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'

/** Lets promise callbacks run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A bulkhead with its one slot taken, and how to find the order in which those who wait are served. */
async function busy(policy: Bulkhead) {
  const permit = await policy.acquire()
  const served: unknown[] = []
  const call = (id: unknown) => async (): Promise<void> => void served.push(id)
  const release = async (): Promise<unknown[]> => {
    permit[Symbol.dispose]()
    for (let i = 0; i < 30; i++) await turn()
    return served
  }
  return { call, release }
}

describe('priority', () => {
  it('has the highest go first, and within one who came first', async () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    const { call, release } = await busy(policy)
    for (const [id, priority] of [9, undefined, 0, 9, 5, 4, 6, 0].entries()) void policy.execute(call(id), { priority })
    expect(await release()).toEqual([0, 3, 6, 1, 4, 5, 2, 7])
  })

  it('is one number for a bulkhead, by which those of one name differ, and a call may have another', async () => {
    const name = freshName()
    const [usual, high, low] = [undefined, 8, 2].map((priority) => bulkhead({ maxConcurrent: 1, name, priority }))
    const { call, release } = await busy(usual!)
    void low!.execute(call('low'))
    void usual!.execute(call('usual'))
    void high!.execute(call('high'))
    void low!.execute(call('low, this time highest'), { priority: 9 })
    void high!.execute(call('high, this time lowest'), { priority: 0 })
    expect(await release()).toEqual(['low, this time highest', 'high', 'usual', 'low', 'high, this time lowest'])
  })

  it('follows from the arguments by a function, which is not asked where the caller says', async () => {
    const asked: unknown[] = []
    const priority = (...args: number[]): number => {
      asked.push(args)
      return args[0] ?? 5
    }
    const policy = bulkhead({ maxConcurrent: 1, priority })
    const { call, release } = await busy(policy)
    const ranked = (_rank: number, id: string): Promise<void> => call(id)()
    const guarded = policy.wrap(ranked)
    void guarded(3, 'a')
    void policy.execute(call('b'))
    void policy.execute(call('c'), { priority: 4 })
    void withBulkhead(policy)(ranked)(7, 'd')
    expect(asked).toEqual([[], [3, 'a'], [], [7, 'd']])
    expect(await release()).toEqual(['d', 'b', 'c', 'a'])
  })

  it('holds for permits, and reaches a bulkhead within others', async () => {
    const slots = bulkhead({ maxConcurrent: 1 })
    const { call, release } = await busy(slots)
    const api = pipeline(coalesce({ key: () => Symbol('each') }), timeout(60_000), retry(), slots)
    void slots.execute(call('call'))
    void slots.acquire({ priority: 6 }).then(async (permit) => {
      await call('permit')()
      permit[Symbol.dispose]()
    })
    void api.execute(call('within'), { priority: 7 })
    void api.execute(call('within, with a signal'), { priority: 8, signal: new AbortController().signal })
    expect(await release()).toEqual(['within, with a signal', 'within', 'permit', 'call'])
  })

  it('has a slot that another thread was first to wait for go there, whatever waits here', async () => {
    const here = bulkhead({ maxConcurrent: 1 })
    // A copy of a handle looks like that of another thread.
    const there = Bulkhead.from(structuredClone(here.share()))
    const { call, release } = await busy(here)
    void there.execute(call('there'), { priority: 0 })
    void here.execute(call('here, low'), { priority: 1 })
    void here.execute(call('here, high'), { priority: 9 })
    const served = await release()
    while (served.length < 3) await turn()
    expect(served).toEqual(['there', 'here, high', 'here, low'])
  })

  it('lets nobody into a full queue', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 })
    const { call, release } = await busy(policy)
    void policy.execute(call('low'), { priority: 0 })
    await expect(policy.execute(call('high'), { priority: 9 })).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })
    expect(await release()).toEqual(['low'])
  })

  it('travels as a number; a function stays behind', () => {
    const handle = structuredClone(bulkhead({ priority: 7 }).share())
    expect(handle.options.priority).toBe(7)
    expect(Bulkhead.from(handle).share().options.priority).toBe(7)
    expect(structuredClone(bulkhead({ priority: () => 7 }).share()).options).not.toHaveProperty('priority')
  })

  const range = 'must be an integer >= 0 and <= 9; received'
  it.each([
    [10, RangeError, '10 (number)'],
    [-1, RangeError, '-1 (number)'],
    [4.5, RangeError, '4.5 (number)'],
    [NaN, RangeError, 'NaN (number)'],
    [Infinity, RangeError, 'Infinity (number)'],
    ['9', TypeError, '"9" (string)'],
    [null, TypeError, 'null'],
  ])('refuses %j, at once and by name', async (priority, type, received) => {
    const wrong = { priority } as { priority: number }
    const policy = bulkhead({ maxConcurrent: 1 })
    const asked = bulkhead({ maxConcurrent: 1, priority: () => wrong.priority })
    expect(() => bulkhead(wrong)).toThrow(new type(`priority ${range} ${received}`))
    for (const refused of [policy.execute(() => 1, wrong), policy.acquire(wrong)])
      await expect(refused).rejects.toEqual(new type(`priority ${range} ${received}`))
    // Though it need not wait.
    await expect(asked.execute(() => 1)).rejects.toEqual(new type(`what priority returns ${range} ${received}`))
    expect([asked.available, asked.stats().running]).toEqual([1, 0])
  })

  it('lets through what its function throws, and is refused where no bulkhead is', async () => {
    const policy = bulkhead({
      priority: () => {
        throw new Error('no rank')
      },
    })
    await expect(policy.execute(() => 1)).rejects.toThrow('no rank')
    const wrong = { priority: 1 } as object
    for (const none of [retry(), pipeline(retry(), timeout(5))])
      await expect(none.execute(() => 1, wrong)).rejects.toThrow("unknown execute option 'priority' (accepted: signal)")
  })
})

const WAIT_MS = 50
interface Waiting {
  readonly id: number
  readonly rank: number
  readonly dueMs: number
}

/** What a bulkhead is: slots, and callers that wait. */
class Model {
  readonly running = new Set<number>()
  readonly waiting: Waiting[] = []
  readonly ends: Record<number, string> = {}
  readonly #slots: number
  readonly #places: number
  #nowMs = 0

  constructor(slots: number, places: number) {
    this.#slots = slots
    this.#places = places
  }

  come(id: number, rank: number): void {
    if (this.running.size < this.#slots) this.running.add(id)
    else if (this.waiting.length === this.#places) this.ends[id] = 'refused'
    else this.waiting.push({ id, rank, dueMs: this.#nowMs + WAIT_MS })
  }

  end(id: number): void {
    this.running.delete(id)
    this.ends[id] = 'done'
    const highest = Math.max(...this.waiting.map(({ rank }) => rank))
    const next = this.waiting.find(({ rank }) => rank === highest)
    if (next === undefined) return
    this.#leave(next)
    this.running.add(next.id)
  }

  giveUp(one: Waiting, how: string): void {
    this.#leave(one)
    this.ends[one.id] = how
  }

  pass(ms: number): void {
    this.#nowMs += ms
    for (const one of [...this.waiting]) if (one.dueMs <= this.#nowMs) this.giveUp(one, 'refused')
  }

  #leave(one: Waiting): void {
    this.waiting.splice(this.waiting.indexOf(one), 1)
  }
}

/** Calls through bulkheads by turns, as a model has them. */
class Callers {
  readonly running = new Set<number>()
  readonly ends: Record<number, string> = {}
  readonly #ways: readonly ((id: number, rank: number, signal: AbortSignal) => Promise<unknown>)[]
  readonly #finish: (() => void)[] = []
  readonly #aborts: AbortController[] = []

  constructor(byCall: Bulkhead, byArgument: Bulkhead) {
    this.#ways = [
      (id, priority, signal) => byCall.execute(() => this.#run(id), { priority, signal }),
      async (id, priority, signal) => {
        const permit = await byCall.acquire({ priority, signal })
        await this.#run(id)
        permit[Symbol.dispose]()
      },
      (id, rank) => {
        const outer = pipeline(timeout(WAIT_MS * 1000), byArgument)
        const guarded = outer.wrap((given: number) => (expect(given).toBe(rank), this.#run(id)))
        return guarded(rank)
      },
    ]
  }

  come(id: number, rank: number, way: number): void {
    this.#aborts[id] = new AbortController()
    this.#ways[way]!(id, rank, this.#aborts[id].signal).then(
      () => (this.ends[id] = 'done'),
      (error: unknown) => (this.ends[id] = error === 'gone' ? 'gone' : 'refused'),
    )
  }

  end(id: number): void {
    this.#finish[id]!()
  }

  abort(id: number): void {
    this.#aborts[id]!.abort('gone')
  }

  async #run(id: number): Promise<void> {
    this.running.add(id)
    const work = deferred()
    this.#finish[id] = work.resolve
    await work.promise
    this.running.delete(id)
  }
}

const rank = (first: unknown = 5): number => first as number
const kinds: [string, (options: object) => readonly [Bulkhead, Bulkhead]][] = [
  [
    'of one bulkhead',
    (options) => {
      const policy = bulkhead({ ...options, priority: rank })
      return [policy, policy]
    },
  ],
  [
    'of two by one name',
    (options) => {
      const name = freshName()
      return [bulkhead({ ...options, name, priority: 3 }), bulkhead({ ...options, name, priority: rank })]
    },
  ],
]

describe.each(kinds)('the queue %s', (_, make) => {
  it('is that of the model, whatever comes, gives up, waits too long and ends', async () => {
    const action = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          what: fc.constant('come' as const),
          at: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2, 5)),
          way: fc.nat(2),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          what: fc.constantFrom('end' as const, 'end' as const, 'abort' as const, 'pass' as const),
          at: fc.nat(40),
          way: fc.constant(0),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(1, 4, Infinity),
        fc.array(action, { minLength: 50, maxLength: 80 }),
        async (maxConcurrent, maxQueue, actions) => {
          const clock = new FakeClock()
          const policies = make({ maxConcurrent, maxQueue, maxWaitMs: WAIT_MS, clock })
          const callers = new Callers(...policies)
          const model = new Model(maxConcurrent, maxQueue)
          const ways: number[] = []
          for (const { what, at, way } of actions) {
            if (what === 'come') {
              model.come(ways.length, at)
              callers.come(ways.length, at, way)
              ways.push(way)
            } else if (what === 'pass') {
              model.pass(at)
              await clock.advance(at)
            } else if (what === 'end') {
              const id = [...model.running][at % Math.max(1, model.running.size)]
              if (id !== undefined) {
                model.end(id)
                callers.end(id)
              }
            } else {
              // One by its argument has no signal.
              const able = model.waiting.filter(({ id }) => ways[id] !== 2)
              const one = able[at % Math.max(1, able.length)]
              if (one !== undefined) {
                model.giveUp(one, 'gone')
                callers.abort(one.id)
              }
            }
            await turn()
            expect([...callers.running].toSorted()).toEqual([...model.running].toSorted())
            expect(callers.ends).toEqual(model.ends)
            const queued = [...new Set(policies)].reduce((sum, policy) => sum + policy.stats().queued, 0)
            expect(queued).toBe(model.waiting.length)
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
