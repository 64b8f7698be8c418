import { describe, expect, it } from 'vitest'
import { TimeoutExceededError } from '../../../dist/errors.js'
import { type AtWork, inFlightOf, ItemStarter } from '../../../dist/execute/worker/item-starter.js'
import type { Guard } from '../../../dist/execute/worker/policies.js'
import { Cell, type ChunkMessage, SEVERAL } from '../../../dist/execute/worker/protocol.js'
import { machineNow } from '../../../dist/internal/time/clock.js'
import { deferred } from '../../support/policies.js'

/** Far more than any of these tests takes. */
const LONG_MS = 60_000
/** A promise is ended from outside only so much after its time limit. */
const GRACE_MS = 50

interface Setting {
  readonly task: (item: unknown) => unknown
  readonly guard?: Guard
  readonly inFlight?: number
  readonly timeoutMs?: number
}

class Subject {
  readonly at: AtWork
  readonly starter: ItemStarter
  waits = 0

  /** @param before - what has run in the worker before */
  constructor({ task, guard, inFlight = 1, timeoutMs = Infinity }: Setting, before?: Subject) {
    this.at = before?.at ?? {
      cells: new Int32Array(new SharedArrayBuffer(4 * Cell.COUNT)).fill(-1),
      epochMs: machineNow() - 1000,
      attempts: 0,
      underWay: 0,
      version: '',
    }
    const fixed = { task: 1, start: 0, items: [], buffers: undefined, isCareful: false, isExact: false }
    const message: ChunkMessage = { kind: 'chunk', run: 3, chunk: 0, ...fixed, inFlight, timeoutMs }
    this.starter = new ItemStarter(task, guard, message, this.at, () => this.waits++)
  }

  get current(): number {
    return this.at.cells[Cell.CURRENT] as number
  }

  get startedMs(): number {
    return this.at.cells[Cell.STARTED_MS] as number
  }

  get sinceEpochMs(): number {
    return Math.trunc(machineNow() - this.at.epochMs)
  }
}

it('items whose results are sent one by one run one after the other', () => {
  const chunk = { kind: 'chunk', inFlight: 4 } as ChunkMessage
  expect([chunk, { ...chunk, isCareful: true }].map(inFlightOf)).toEqual([4, 1])
})

describe('an item with a time limit', () => {
  it('is known by its index and its beginning while it runs', () => {
    const subject: Subject = new Subject({
      timeoutMs: LONG_MS,
      task: (item) => [item, subject.current, subject.startedMs],
    })
    const beforeMs = subject.sinceEpochMs
    const [item, current, startedMs] = subject.starter.start('a', 7) as [string, number, number]
    expect([item, current, subject.current, subject.waits]).toEqual(['a', 7, -1, 0])
    expect(startedMs).toBeGreaterThanOrEqual(beforeMs)
    expect(startedMs).toBeLessThanOrEqual(subject.sinceEpochMs)
  })

  it('that waits is given up in its worker before that is ended from outside', async () => {
    const { promise, resolve } = deferred<unknown>()
    const subject = new Subject({ timeoutMs: LONG_MS, task: () => promise })
    const beforeMs = subject.sinceEpochMs
    const result = subject.starter.start('a', 7)
    expect([subject.current, subject.waits]).toEqual([7, 1])
    expect(subject.startedMs).toBeGreaterThanOrEqual(beforeMs + GRACE_MS)
    resolve('done')
    await expect(result).resolves.toBe('done')
    expect(subject.current).toBe(-1)
  })

  it('fails once the time is up, whatever becomes of it later', async () => {
    const late = deferred<unknown>()
    const other = deferred<unknown>()
    const subject = new Subject({ timeoutMs: 5, inFlight: 2, task: (item) => (item as typeof late).promise })
    const result = subject.starter.start(late, 0) as Promise<unknown>
    const error = (await result.catch((caught: unknown) => caught)) as TimeoutExceededError
    expect(error).toBeInstanceOf(TimeoutExceededError)
    expect([error.message, error.timeoutMs]).toEqual(['the item took longer than 5 ms', 5])
    const second = subject.starter.start(other, 1) as Promise<unknown>
    late.resolve('late')
    await late.promise
    subject.starter.report(() => expect(subject.current).toBe(-1))
    expect(subject.current).toBe(SEVERAL)
    await expect(second).rejects.toBeInstanceOf(TimeoutExceededError)
    subject.starter.report(() => undefined)
    expect(subject.current).toBe(-1)
  })

  it.each<[string, Guard | undefined]>([
    ['no policies', undefined],
    ['policies', async (start) => start({ signal: new AbortController().signal })],
  ])('is not under way once its promise cannot be awaited, under %s', async (_, guard) => {
    const get = (): never => {
      throw new Error('no constructor')
    }
    const task = (): unknown => Object.defineProperty(Promise.resolve(), 'constructor', { get })
    const subject = new Subject({ timeoutMs: LONG_MS, inFlight: 2, task, ...(guard === undefined ? {} : { guard }) })
    await expect(async () => subject.starter.start('a', 7)).rejects.toThrow('no constructor')
    subject.starter.report(() => undefined)
    expect([subject.current, subject.at.underWay]).toEqual([-1, 0])
  })

  it('keeps the time of those beside it from counting while a result is told of', async () => {
    const all = [deferred<unknown>(), deferred<unknown>()]
    const subject = new Subject({ timeoutMs: LONG_MS, inFlight: 2, task: (item) => all[item as number]?.promise })
    const results = [0, 1].map((item) => subject.starter.start(item, item))
    expect([subject.current, subject.waits]).toEqual([SEVERAL, 1])
    all[1]?.reject(new RangeError('no'))
    await expect(results[1]).rejects.toThrow('no')
    subject.at.cells[Cell.STARTED_MS] = 0
    const tell = (): never => {
      expect(subject.current).toBe(-1)
      throw new TypeError('cannot be sent')
    }
    expect(() => subject.starter.report(tell)).toThrow('cannot be sent')
    expect(subject.current).toBe(SEVERAL)
    expect(subject.startedMs).toBeGreaterThanOrEqual(1000 + GRACE_MS)
    all[0]?.resolve('yes')
    await expect(results[0]).resolves.toBe('yes')
    subject.starter.report(() => undefined)
    expect(subject.current).toBe(-1)
  })
})

describe('an item without a time limit', () => {
  it('has its index in a cell, and its time is not kept', () => {
    const subject: Subject = new Subject({ task: () => subject.current })
    expect(subject.starter.start('a', 7)).toBe(7)
    expect([subject.startedMs, subject.waits]).toEqual([-1, 0])
  })

  it('is not told apart from others that may wait beside it', () => {
    const { promise } = deferred<unknown>()
    const subject = new Subject({ inFlight: 2, task: (item) => (item === 'waits' ? promise : item) })
    expect(subject.starter.start('waits', 7)).toBe(promise)
    expect([subject.current, subject.startedMs, subject.waits]).toEqual([-1, -1, 0])
    expect(subject.starter.start('returns', 8)).toBe('returns')
    expect(subject.current).toBe(-1)
  })
})

describe('an item under policies', () => {
  const once: Guard = async (start) => start({ signal: new AbortController().signal })

  it('is not known to run while a policy has it wait', async () => {
    const turn = deferred<unknown>()
    const subject: Subject = new Subject({
      task: () => subject.current,
      guard: async (start) => {
        await turn.promise
        return once(start)
      },
    })
    subject.at.cells[Cell.CURRENT] = 6
    const result = subject.starter.start('a', 7)
    expect(subject.current).toBe(-1)
    turn.resolve(undefined)
    await expect(result).resolves.toBe(7)
    expect(subject.current).toBe(-1)
  })

  it('is over when it fails', async () => {
    const task = (): never => {
      throw new RangeError('no')
    }
    const subject = new Subject({ task, guard: once })
    await expect(subject.starter.start('a', 7)).rejects.toThrow('no')
    expect(subject.current).toBe(-1)
  })

  it('is over when its promise settles, and is asked once for its outcome', async () => {
    let asked = 0
    const { promise, resolve } = deferred<unknown>()
    const then: Promise<unknown>['then'] = (...args) => {
      asked++
      return promise.then(...args)
    }
    const subject = new Subject({ task: () => ({ then }), guard: once })
    const result = subject.starter.start('a', 7)
    expect(subject.current).toBe(7)
    resolve('done')
    await expect(result).resolves.toBe('done')
    expect([subject.current, asked]).toEqual([-1, 1])
  })

  it('is over when a time limit gives it up, but not the attempt after it', async () => {
    const attempts = [deferred<unknown>(), deferred<unknown>()]
    const given = new AbortController()
    const subject: Subject = new Subject({
      timeoutMs: LONG_MS,
      task: () => attempts[subject.at.attempts - 1]?.promise,
      guard: async (start) => {
        void start({ signal: given.signal })
        given.abort()
        expect(subject.current).toBe(-1)
        return start({ signal: new AbortController().signal })
      },
    })
    const result = subject.starter.start('a', 7)
    attempts[0]?.resolve('late')
    await attempts[0]?.promise
    expect([subject.current, subject.waits]).toEqual([7, 1])
    attempts[1]?.resolve('done')
    await expect(result).resolves.toBe('done')
    expect([subject.current, subject.at.attempts]).toEqual([-1, 2])
  })

  it('keeps the time of those beside it counting when it is given up, and once', async () => {
    const all = [deferred<unknown>(), deferred<unknown>()]
    const given = [new AbortController(), new AbortController()]
    const guard: Guard = async (start) => start({ signal: given[subject.at.attempts]!.signal })
    const task = (item: unknown): Promise<unknown> => all[item as number]!.promise
    const subject: Subject = new Subject({ timeoutMs: LONG_MS, inFlight: 2, task, guard })
    const results = [0, 1].map((item) => subject.starter.start(item, item))
    expect(subject.current).toBe(SEVERAL)
    subject.at.cells[Cell.STARTED_MS] = 0
    given[0]!.abort()
    expect(subject.startedMs).toBeGreaterThanOrEqual(1000 + GRACE_MS)
    all[0]!.resolve('late')
    await results[0]
    expect([subject.current, subject.at.underWay]).toEqual([SEVERAL, 1])
    all[1]!.resolve('done')
    await results[1]
    expect([subject.current, subject.at.underWay]).toEqual([-1, 0])
  })

  it('is over, where none may wait beside it, when its last attempt is, though another goes on', async () => {
    const guard: Guard = async (start) => {
      void start({ signal: new AbortController().signal })
      return start({ signal: new AbortController().signal })
    }
    const attempts = [deferred<unknown>(), deferred<unknown>()]
    const subject: Subject = new Subject({
      timeoutMs: LONG_MS,
      task: () => attempts[subject.at.attempts - 1]!.promise,
      guard,
    })
    const result = subject.starter.start('a', 7)
    attempts[1]!.resolve('done')
    await expect(result).resolves.toBe('done')
    expect(subject.current).toBe(-1)
  })

  it('that a policy has given up is nothing to the next run, however long it goes on', async () => {
    const left = deferred<unknown>()
    const earlier = new Subject({ inFlight: 2, task: () => left.promise, guard: once })
    void earlier.starter.start('left behind', 7)
    const next = new Subject({ inFlight: 2, timeoutMs: LONG_MS, task: (item) => item, guard: once }, earlier)
    await next.starter.start('a', 7)
    next.starter.report(() => undefined)
    // Its policies may have the others wait for longer than an item may take.
    expect(next.current).toBe(-1)
    const { promise, resolve } = deferred<unknown>()
    const alone = new Subject({ timeoutMs: LONG_MS, task: () => promise, guard: once }, earlier)
    const result = alone.starter.start('b', 8)
    left.resolve('late')
    await left.promise
    expect(alone.current).toBe(8)
    resolve('done')
    await expect(result).resolves.toBe('done')
  })

  it('is not started once its run has ended', async () => {
    const subject: Subject = new Subject({ task: () => subject.at.attempts, guard: once })
    subject.at.cells[Cell.CANCELLED] = 2
    await expect(subject.starter.start('a', 7)).resolves.toBe(1)
    subject.at.cells[Cell.CANCELLED] = 3
    await expect(subject.starter.start('b', 8)).rejects.toThrow('the run of this item has ended')
    expect(subject.at.attempts).toBe(1)
  })
})
