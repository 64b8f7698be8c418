import { tracingChannel } from 'node:diagnostics_channel'
import { bulkhead, execute, optimize, pipeline, RateLimiter, retry, stream, withRetry } from 'amorsize'
import { RedisRateLimiter } from 'amorsize/redis'
import { afterEach, describe, expect, it } from 'vitest'
import { collect } from '../../support/collect.js'

interface Message {
  readonly kind?: string
  readonly name?: string | null
  readonly total?: number | null
  readonly result?: unknown
  readonly error?: unknown
}
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** What is told on a channel: the event, whose, and what came of it. */
function told(channel: string, about: (message: Message) => unknown): unknown[][] {
  const heard: unknown[][] = []
  const hear = (event: string) => (message: object) => {
    const { result, error } = message as Message
    heard.push([event, about(message), ...(event === 'asyncEnd' || event === 'error' ? [error ?? result] : [])])
  }
  const subscribers = Object.fromEntries(
    (['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const).map((event) => [event, hear(event)]),
  ) as never
  tracingChannel(channel).subscribe(subscribers)
  ends.push(() => tracingChannel(channel).unsubscribe(subscribers))
  return heard
}

const down = new Error('down')

describe('tracing:amorsize:policy', () => {
  const hearPolicies = () => told('amorsize:policy', ({ kind, name }) => `${kind}/${name}`)

  it('tells of a call that succeeds', async () => {
    const heard = hearPolicies()
    expect(await retry({ name: 'api' }).execute(() => Promise.resolve(7))).toBe(7)
    expect(heard).toEqual([
      ['start', 'retry/api'],
      ['end', 'retry/api'],
      ['asyncStart', 'retry/api'],
      ['asyncEnd', 'retry/api', 7],
    ])
  })

  it('tells of one that fails, whose error is unchanged', async () => {
    const heard = hearPolicies()
    const server = { send: () => Promise.resolve(['1', '0', '0', '0']) }
    const overRedis = new RedisRateLimiter(server, { name: 'tokens of all', requestsPerSecond: 1, mode: 'exact' })
    ends.push(() => overRedis.close())
    const calls = [
      () => bulkhead({ maxConcurrent: 1 }).execute(() => Promise.reject(down)),
      () => new RateLimiter({ name: 'tokens' }).execute(() => Promise.reject(down)),
      () => overRedis.execute(() => Promise.reject(down)),
      // Once, for the outermost.
      () => pipeline(retry({ maxRetries: 0 }), bulkhead({ maxConcurrent: 1 })).execute(() => Promise.reject(down)),
      () => pipeline(retry({ maxRetries: 0 }), overRedis).execute(() => Promise.reject(down)),
      withRetry({ maxRetries: 0, name: 'guarded' })(() => Promise.reject(down)),
    ]
    for (const call of calls) await expect(call()).rejects.toBe(down)
    expect(heard.filter(([event]) => event === 'error')).toEqual([
      ['error', 'bulkhead/null', down],
      ['error', 'rate-limiter/tokens', down],
      ['error', 'rate-limiter/tokens of all', down],
      ['error', 'pipeline/null', down],
      ['error', 'pipeline/null', down],
      ['error', 'retry/guarded', down],
    ])
    expect(heard.filter(([event]) => event === 'asyncEnd')).toHaveLength(6)
  })

  it('names no pipeline by a policy in it', async () => {
    const heard = hearPolicies()
    const foreign = {
      kind: 'theirs',
      execute: (fn: (context: object) => unknown) => fn({ signal: new AbortController().signal }),
      wrap: (fn: unknown) => fn,
    } as never
    for (const policy of [pipeline(retry({ name: 'api' }), bulkhead()), pipeline(foreign)])
      await policy.execute(() => 1)
    expect(heard.filter(([event]) => event === 'start')).toEqual(Array(2).fill(['start', 'pipeline/null']))
  })

  it('tells nothing when nobody listens any more', async () => {
    const heard = hearPolicies()
    ends.pop()!()
    await retry().execute(() => 1)
    expect(heard).toEqual([])
  })
})

describe('tracing:amorsize:execute', () => {
  it('tells of runs, of streams and of plans', async () => {
    const heard = told('amorsize:execute', ({ total }) => total)
    expect(await execute((n: number) => n + 1, [1, 2, 3])).toEqual([2, 3, 4])
    expect(await collect(stream((n: number) => n + 1, new Set([1, 2])))).toEqual([2, 3])
    const numbers = function* () {
      yield 5
    }
    const plan = await optimize((n: number) => n, numbers())
    expect(heard.filter(([event]) => event === 'start')).toEqual([
      ['start', 3],
      ['start', 2],
    ])
    expect(await plan.run()).toEqual([5])
    expect(heard.filter(([event]) => event === 'asyncEnd')).toEqual([
      ['asyncEnd', 3, [2, 3, 4]],
      ['asyncEnd', 2, undefined],
      ['asyncEnd', null, [5]],
    ])
  })

  it('tells why one has failed', async () => {
    const heard = told('amorsize:execute', ({ total }) => total)
    await expect(execute(() => Promise.reject(down), [1])).rejects.toBe(down)
    await expect(collect(stream(() => Promise.reject(down), [1]))).rejects.toBe(down)
    expect(heard.filter(([event]) => event === 'error')).toEqual([
      ['error', 1, down],
      ['error', 1, down],
    ])
  })
})
