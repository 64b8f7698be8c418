import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import {
  Bulkhead,
  bulkhead,
  execute,
  hedge,
  pipeline,
  type Policy,
  RateLimiter,
  rateLimit,
  retry,
  timeout,
} from 'amorsize'
import { expect, it, vi } from 'vitest'

// Items that a policy has held back share each turn of the event loop with the rest of the program, as others do. Each takes at least as
// long as is written here, on a busy machine longer: so fewer of them begin in one turn.

const ITEM_MS = 1
/** A slice of 4 ms, and what comes before its end; all that waited ran in one turn before. */
const MOST_IN_A_TURN = 12
/** A first item that waits for this long is taken to compute nothing. */
const LONG_WAIT_MS = 2
const COUNT = 150
const range = Array.from({ length: COUNT }, (_, n) => n)

function busy(ms = ITEM_MS): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

/** Has items run, each of which calls `began`; gives how many have begun in each turn of the event loop. */
async function countsPerTurn(run: (began: () => void) => Promise<void>): Promise<number[]> {
  const counts = [0]
  const turns = new AbortController()
  const counting = (async () => {
    while (!turns.signal.aborted) {
      await turn()
      counts.push(0)
    }
  })()
  await run(() => counts.push((counts.pop() ?? 0) + 1))
  turns.abort()
  await counting
  return counts
}

/** The same for items under `policies`. */
const perTurn = (policies: readonly Policy[], fn = (n: number): number => n): Promise<number[]> =>
  countsPerTurn(async (began) => {
    const results = await execute(
      (n: number) => {
        busy()
        began()
        return fn(n)
      },
      range,
      { policies },
    )
    expect(results).toEqual(range)
  })

it.each<[string, () => Policy[]]>([
  ['whose slot comes free', () => [bulkhead({ maxConcurrent: 1 })]],
  ['within a pipeline', () => [pipeline(retry(), bulkhead({ maxConcurrent: 1 }), timeout(60_000))]],
  ['whose tokens come', () => [rateLimit({ requestsPerSecond: 1e5, burstSize: 1 })]],
  ['by a policy of somebody else', () => [foreign(bulkhead({ maxConcurrent: 1 }))]],
])('no more items run in one turn than elsewhere, %s', async (_, policies) => {
  expect(Math.max(...(await perTurn(policies())))).toBeLessThanOrEqual(MOST_IN_A_TURN)
})

it('nor do those whose delays are over together', async () => {
  let failures = 60
  const counts = await perTurn([retry({ maxRetries: 100, initialDelayMs: 5, jitter: 'none' })], (n) => {
    if (failures-- > 0) throw new Error('not yet')
    return n
  })
  expect(counts.reduce((most, count) => Math.max(most, count))).toBeLessThanOrEqual(MOST_IN_A_TURN)
})

it.each<[string, () => Promise<unknown>]>([
  ['a timer', () => delay(1)],
  ['a file', () => readFile(import.meta.filename)],
  ['nothing', () => Promise.resolve()],
])(
  'items that compute when they have waited for %s do so one after another, with turns between them',
  async (_, wait) => {
    const items = range.slice(0, 80)
    let counts: number[] = []
    // A busy machine may keep the first item waiting for so long that it is one of those that wait and compute nothing.
    for (let firstWaitedMs = Infinity; firstWaitedMs >= LONG_WAIT_MS;) {
      firstWaitedMs = Infinity
      counts = await countsPerTurn(async (began) => {
        const results = await execute(async (n: number) => {
          const startedMs = performance.now()
          await wait()
          if (n === 0) firstWaitedMs = performance.now() - startedMs
          busy(8)
          began()
          return n
        }, items)
        expect(results).toEqual(items)
      })
    }
    // All 64 that had been begun together did so in one turn before.
    expect(counts.reduce((most, count) => Math.max(most, count))).toBeLessThanOrEqual(8)
  },
)

it('nor do those that compute and return at once, or throw, where others wait', async () => {
  const counts = await countsPerTurn(async (began) => {
    const results = await execute(
      (n: number) => {
        began()
        if (n % 10 === 0) return delay(1, n)
        busy(2)
        if (n % 2 === 0) throw new RangeError('even')
        return n
      },
      range,
      { onError: 'collect', mode: 'async' },
    )
    expect(results.length).toBe(COUNT)
  })
  // All that may wait at once, 64 to begin with, did so in one turn before.
  expect(counts.reduce((most, count) => Math.max(most, count))).toBeLessThanOrEqual(MOST_IN_A_TURN)
})

/** So many that each can begin one item in a turn. */
const RUNS = 100

it.each<[string, number, (n: number) => Promise<number>]>([
  [
    'before they wait',
    18,
    (n) => {
      busy(0.6)
      return delay(20, n)
    },
  ],
  [
    'when they have waited for nothing',
    RUNS,
    async (n) => {
      await Promise.resolve()
      busy(1.5)
      return n
    },
  ],
])('runs at once share each turn where items compute %s', async (_, most, task) => {
  const counts = await countsPerTurn(async (began) => {
    const counted = (n: number): Promise<number> => {
      began()
      return task(n)
    }
    await Promise.all(Array.from({ length: RUNS }, () => execute(counted, range.slice(0, 8))))
  })
  // Each run began one more in the turn of its slice, or whenever an item ended, before.
  expect(Math.max(...counts.slice(1))).toBeLessThanOrEqual(most)
})

it('the wait for a turn is none of the time that a time-out inside limits', async () => {
  const limit = timeout(30)
  // All twenty slots come free in one turn: the last of their items waits for 60 ms.
  const policies = [bulkhead({ maxConcurrent: 20 }), limit]
  const results = await execute(
    (n: number) => {
      if (n >= 20) busy(3)
      return n
    },
    range.slice(0, 60),
    { policies, onError: 'collect' },
  )
  expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
  expect(limit.stats().timedOut).toBe(0)
})

it('what an item throws comes through, and the slot comes back', async () => {
  const slots = bulkhead({ maxConcurrent: 1 })
  const thrown = Object.assign(new RangeError('odd'), { own: true })
  const results = await execute(
    (n: number) => {
      busy()
      if (n % 2 === 1) throw thrown
      return n
    },
    range,
    { policies: [slots], onError: 'collect' },
  )
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  expect(reasons).toHaveLength(COUNT / 2)
  expect(new Set(reasons)).toEqual(new Set([thrown]))
  expect(reasons[0]).toBe(thrown)
  expect(slots.available).toBe(1)
})

it('no item begins once its run is aborted, and all slots come back', async () => {
  const slots = bulkhead({ maxConcurrent: 3 })
  const controller = new AbortController()
  let begun = 0
  const run = execute(
    () => {
      busy()
      begun++
    },
    range,
    { policies: [slots], signal: controller.signal },
  )
  const outcome = expect(run).rejects.toThrow('enough')
  while (begun < 20) await turn()
  controller.abort(new Error('enough'))
  const before = begun
  await outcome
  for (let i = 0; i < 20; i++) await turn()
  expect(begun).toBe(before)
  expect(before).toBeLessThan(COUNT)
  expect(slots.available).toBe(3)
})

it('items stay in the context of their caller', async () => {
  const storage = new AsyncLocalStorage<string>()
  const slots = bulkhead({ maxConcurrent: 1 })
  const as = (name: string): Promise<unknown[]> =>
    storage.run(name, () =>
      execute(
        () => {
          busy()
          return storage.getStore()
        },
        range.slice(0, 30),
        { policies: [slots] },
      ),
    )
  const [alice, bob] = await Promise.all([as('alice'), as('bob')])
  expect(new Set(alice)).toEqual(new Set(['alice']))
  expect(new Set(bob)).toEqual(new Set(['bob']))
})

it('whoever traces calls is told of the policy itself, once for each', async () => {
  const name = `traced-${process.pid}`
  const slots = bulkhead({ maxConcurrent: 1, name })
  const limiter = new RateLimiter({ requestsPerSecond: 1e6, name, scope: 'process' })
  const seen: unknown[] = []
  const listener = (message: unknown): void => {
    const { policy, kind, name: given } = message as { policy: unknown; kind: unknown; name: unknown }
    seen.push([policy, kind, given])
  }
  subscribe('tracing:amorsize:policy:start', listener)
  try {
    for (const policy of [slots, limiter, foreign(slots)])
      await execute((n: number) => n, [1, 2], { policies: [policy] })
  } finally {
    unsubscribe('tracing:amorsize:policy:start', listener)
  }
  const ofSlots = [slots, 'bulkhead', name]
  const ofLimiter = [limiter, 'rate-limiter', name]
  expect(seen).toEqual([ofSlots, ofSlots, ofLimiter, ofLimiter, ofSlots, ofSlots])
})

it('an item is in the context that its own policies give its call', async () => {
  const storage = new AsyncLocalStorage<number>()
  let calls = 0
  const span = foreign(bulkhead({ maxConcurrent: 50 }))
  const spanned: Policy = {
    ...span,
    execute: (fn, options) =>
      storage.run(calls++, async () => {
        await Promise.resolve()
        return span.execute(fn, options)
      }),
  }
  const seen = await execute(
    () => {
      busy()
      return storage.getStore()
    },
    range,
    { policies: [spanned] },
  )
  expect(seen).toEqual(range)
})

it('a policy whose execute has been replaced is called all the same', async () => {
  let calls = 0
  class Counted extends Bulkhead {
    override execute: Bulkhead['execute'] = (fn, options) => {
      calls++
      return super.execute(fn, options)
    }
  }
  expect(await execute((n: number) => n, range, { policies: [new Counted({ maxConcurrent: 2 })] })).toEqual(range)
  expect(calls).toBe(COUNT)
  const limiter = new RateLimiter({ requestsPerSecond: 1e6 })
  const spy = vi.spyOn(limiter, 'execute')
  await execute((n: number) => n, range, { policies: [limiter] })
  expect(spy).toHaveBeenCalledTimes(COUNT)
})

it('a hedge does not take the wait for a turn for slowness', async () => {
  const hedged = hedge({ afterMs: 40 })
  let failures = 100
  const results = await execute(
    (n: number) => {
      if (failures-- > 0) throw new Error('not yet')
      busy()
      return n
    },
    range.slice(0, 100),
    { policies: [retry({ maxRetries: 100, initialDelayMs: 5, jitter: 'none' }), hedged] },
  )
  expect(results).toEqual(range.slice(0, 100))
  expect(hedged.stats().hedged).toBe(0)
})

/** As a policy of another package: a function around a function. */
function foreign(policy: Policy): Policy {
  return { execute: (fn, options) => policy.execute(fn, options), wrap: (fn) => policy.wrap(fn) }
}
