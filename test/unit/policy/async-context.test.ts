import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  hedge,
  pipeline,
  type PolicyContext,
  rateLimit,
  RateLimiter,
  retry,
  timeout,
  withTimeout,
} from 'amorsize'
import { FakeClock } from 'amorsize/testing'

const users = new AsyncLocalStorage<string>()
const never = (): Promise<never> => new Promise(() => undefined)

/** Runs `call` as several users at once, while somebody else moves the clock. Notes what each saw, and as whom if not as itself. */
async function asUsers(
  clock: FakeClock,
  call: (user: string, see: (what: string) => void) => Promise<unknown>,
): Promise<Map<string, string[]>> {
  const seen = new Map<string, string[]>()
  const calls = ['alice', 'bob', 'carol'].map((user) =>
    users.run(user, async () => {
      const see = (what: string): void => {
        const runsAs = users.getStore()
        seen.set(user, [...(seen.get(user) ?? []), runsAs === user ? what : `${what} as ${runsAs}`])
      }
      await call(user, see).catch(() => undefined)
    }),
  )
  await users.run('whoever moves the clock', () => clock.advance(1000))
  await Promise.all(calls)
  return seen
}

describe('code of a call runs in the async context of that call', () => {
  test('the attempt after a timeout, and what is asked and told before it', async () => {
    const clock = new FakeClock()
    const policy = pipeline(
      retry({
        maxRetries: 1,
        initialDelayMs: 1,
        clock,
        retryIf: (_, { signal }) => (told.get(signal)?.('retryIf'), true),
        onRetry: () => onRetry.shift()?.(),
      }),
      timeout(20, { clock }),
    )
    const told = new WeakMap<AbortSignal, (what: string) => void>()
    const onRetry: (() => void)[] = []
    const seen = await asUsers(clock, async (_, see) => {
      onRetry.push(() => see('onRetry'))
      let attempts = 0
      await policy.execute(({ signal }) => {
        see(`attempt ${attempts}`)
        signal.addEventListener('abort', () => see('abort'))
        return attempts++ === 0 ? never() : 'done'
      })
    })
    expect([...seen.keys()]).toEqual(['alice', 'bob', 'carol'])
    for (const what of seen.values()) expect(what).toEqual(['attempt 0', 'abort', 'onRetry', 'attempt 1'])
  })

  test('every attempt of a hedge, and its abort', async () => {
    const clock = new FakeClock()
    const policy = hedge({ afterMs: 10, maxAttempts: 3, clock })
    const seen = await asUsers(clock, async (_, see) => {
      let attempts = 0
      await policy.execute(({ signal }: PolicyContext) => {
        const attempt = attempts++
        see(`attempt ${attempt}`)
        signal.addEventListener('abort', () => see(`abort ${attempt}`))
        return attempt === 2 ? 'done' : never()
      })
    })
    for (const what of seen.values())
      expect(what).toEqual(['attempt 0', 'attempt 1', 'attempt 2', 'abort 0', 'abort 1'])
    expect(seen.size).toBe(3)
  })

  test('the function of a fallback around a timeout', async () => {
    const clock = new FakeClock()
    const sees = new Map<string, (what: string) => void>()
    const policy = pipeline(
      fallback(() => sees.get(users.getStore() ?? '')?.('fallback'), {
        onDegraded: () => sees.get(users.getStore() ?? '')?.('degraded'),
      }),
      timeout(20, { clock }),
    )
    const seen = await asUsers(clock, async (user, see) => {
      sees.set(user, see)
      await policy.execute(never)
    })
    expect([...seen]).toEqual(['alice', 'bob', 'carol'].map((user) => [user, ['fallback', 'degraded']]))
  })

  test('the function that gets the slot another call has given back, and the refusal of one that waited too long', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ maxConcurrent: 1, maxWaitMs: 50, clock })
    const rejected: (string | undefined)[] = []
    slots.on('rejected', () => rejected.push(users.getStore()))
    const seen = await asUsers(clock, async (user, see) => {
      await slots.execute(async () => {
        see('running')
        await new Promise<void>((resolve) => clock.setTimeout(resolve, user === 'bob' ? 500 : 10))
        see('done')
      })
    })
    expect([...seen.keys()]).toEqual(['alice', 'bob'])
    expect(rejected).toEqual(['carol'])
  })

  test('the function that waited for tokens, whoever waited before it', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    const seen = await asUsers(clock, async (_, see) => {
      await pipeline(timeout(900, { clock }), rateLimit(limiter)).execute(() => see('in a pipeline'))
      await limiter.execute(() => see('by the limiter'))
    })
    for (const what of seen.values()) expect(what).toEqual(['in a pipeline', 'by the limiter'])
    expect(seen.size).toBe(3)
  })

  test('listeners and channels of timeouts, hedges and breakers', async () => {
    const clock = new FakeClock()
    const heard: string[] = []
    const hear = (what: string) => () => void heard.push(`${what} ${users.getStore()}`)
    const limit = timeout(20, { clock })
    const slow = hedge({ afterMs: 5, clock })
    const breaker = circuitBreaker({ failureThreshold: 3, clock, onOpen: hear('onOpen') })
    limit.on('timeout', hear('timeout'))
    slow.on('hedge', hear('hedge'))
    breaker.on('open', hear('open'))
    const onChannel = hear('channel')
    subscribe('amorsize:timeout', onChannel)
    await asUsers(clock, () => pipeline(breaker, limit, slow).execute(never))
    unsubscribe('amorsize:timeout', onChannel)
    expect(heard.filter((what) => what.startsWith('timeout'))).toEqual([
      'timeout alice',
      'timeout bob',
      'timeout carol',
    ])
    expect(heard.filter((what) => what.startsWith('channel'))).toEqual([
      'channel alice',
      'channel bob',
      'channel carol',
    ])
    expect(heard.filter((what) => what.startsWith('hedge'))).toEqual(['hedge alice', 'hedge bob', 'hedge carol'])
    expect(heard.filter((what) => /open/i.test(what))).toEqual(['onOpen carol', 'open carol'])
  })

  test('listeners of a signal that somebody else aborts, also through a timeout', async () => {
    const clock = new FakeClock()
    const shutdown = new AbortController()
    const policy = pipeline(retry({ clock }), timeout(5000, { clock }))
    const calls = asUsers(clock, async (_, see) => {
      await policy.execute(
        ({ signal }) => {
          signal.addEventListener('abort', () => see('abort'))
          return never()
        },
        { signal: shutdown.signal },
      )
    })
    users.run('who shuts down', () => shutdown.abort())
    expect([...(await calls)]).toEqual(['alice', 'bob', 'carol'].map((user) => [user, ['abort']]))
  })

  test('a decorated method', async () => {
    const clock = new FakeClock()
    const seen = await asUsers(clock, async (_, see) => {
      const slow = withTimeout(20, { clock })(never)
      await slow().catch(() => see('caught'))
      see('after')
    })
    for (const what of seen.values()) expect(what).toEqual(['caught', 'after'])
  })

  test('real timers: the one that was armed first serves all, and nobody runs as its owner', async () => {
    const policy = pipeline(retry({ maxRetries: 1, initialDelayMs: 1 }), timeout(20))
    const attempts: string[] = []
    await Promise.all(
      ['alice', 'bob', 'carol'].map((user) =>
        users.run(user, () => {
          let count = 0
          return policy.execute(() => {
            attempts.push(`${user} as ${users.getStore()}`)
            return count++ === 0 ? never() : 1
          })
        }),
      ),
    )
    expect(attempts.sort()).toEqual(
      ['alice', 'alice', 'bob', 'bob', 'carol', 'carol'].map((user) => `${user} as ${user}`),
    )
  })
})
