import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { connectionOf } from '../../../dist/redis/clients.js'
import { RedisKeyedRateLimiter, RedisRateLimiter } from '../../../dist/redis/index.js'
import { ServerCounts } from '../../../dist/redis/server-counts.js'
import { slotOf } from '../../../dist/redis/slot.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A client that connects, as each kind says so. */
const connecting = {
  ioredis: (opened: boolean) => ({ status: opened ? 'ready' : 'connecting' }),
  'node-redis': (opened: boolean) => ({ isOpen: true, isReady: opened }),
}

describe.each(['ioredis', 'node-redis'] as const)('a client of %s that connects', (kind) => {
  function clientOf() {
    const asked: string[] = []
    const evaluate = (sha: string) => {
      asked.push(sha)
      return Promise.resolve('answer')
    }
    const own = kind === 'ioredis' ? { evalsha: evaluate, eval: evaluate } : { evalSha: evaluate, eval: evaluate }
    const client = Object.assign(new EventEmitter(), own, connecting[kind](false))
    let isWanted = true
    const connection = connectionOf(client)
    return {
      client,
      asked,
      ask: () => connection.run({ sha: 'sha', text: 'text' }, ['key'], [], () => isWanted),
      giveUp: () => (isWanted = false),
      open: () => void Object.assign(client, connecting[kind](true)).emit('ready'),
    }
  }

  it('is given nothing until it is ready, and hears of nobody who waits no longer', async () => {
    const { client, asked, ask, open } = clientOf()
    const answers = [ask(), ask()]
    expect(client.listenerCount('ready')).toBe(1)
    expect(asked).toEqual([])
    open()
    expect(await Promise.all(answers)).toEqual(['answer', 'answer'])
    expect(asked).toEqual(['sha', 'sha'])
    expect(await ask()).toBe('answer')
    for (const event of ['ready', 'error', 'end']) expect(client.listenerCount(event)).toBe(0)
  })

  it('is given nothing once nobody waits', async () => {
    const { asked, ask, giveUp, open } = clientOf()
    const answer = ask()
    giveUp()
    open()
    await expect(answer).rejects.toThrow('the connection was there too late')
    expect(asked).toEqual([])
  })

  it('ends the wait when it is closed', async () => {
    const { client, ask } = clientOf()
    const outcome = expect(ask()).rejects.toThrow('the client was closed')
    client.emit('end')
    await outcome
  })

  it('says what is in the way, and goes on when it has gone', async () => {
    const { client, asked, ask, open } = clientOf()
    const answers = [ask(), ask()]
    const outcomes = Promise.allSettled(answers)
    client.emit('error', new Error('connect ECONNREFUSED'))
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'connect ECONNREFUSED' } })
    expect(asked).toEqual([])
    const answer = ask()
    open()
    expect(await answer).toBe('answer')
  })
})

it.each([
  ['ioredis, which connects with its first command', { status: 'wait' }],
  ['ioredis, which was closed', { status: 'end' }],
  ['node-redis, which was closed', { isOpen: false, isReady: false }],
])('is asked at once: a client of %s', async (_, state) => {
  const refuse = () => Promise.reject(new Error('its own words'))
  const client = 'status' in state ? { evalsha: refuse } : { evalSha: refuse }
  const connection = connectionOf({ ...client, eval: refuse, ...state })
  const answer = connection.run({ sha: 'sha', text: 'text' }, ['key'], [], () => true)
  await expect(answer).rejects.toThrow('its own words')
})

it('has one connection, its own, for all of its limiters and stores, and is left as it is by each', () => {
  const client = {
    status: 'ready',
    on: vi.fn(),
    duplicate: vi.fn(),
    disconnect: vi.fn(),
    evalsha: vi.fn(),
    eval: vi.fn(),
  }
  const given = client as never
  const options = { name: 'one', requestsPerSecond: 1 }
  new ServerCounts(given, { name: 'one', timeoutMs: 50, clock: new FakeClock() })
  for (const limiter of [new RedisRateLimiter(given, options), new RedisKeyedRateLimiter(given, options)])
    limiter.close()
  expect(connectionOf(given)).toBe(connectionOf(given))
  for (const method of ['on', 'duplicate', 'disconnect', 'evalsha'] as const)
    expect(client[method]).not.toHaveBeenCalled()
})

it('may be told that connections are shared, and by nobody that they are not', () => {
  const client = { send: () => Promise.reject(new Error('away')) }
  const options = { name: 'one', requestsPerSecond: 1 }
  new RedisRateLimiter(client, { ...options, shareConnection: true }).close()
  expect(() => new RedisRateLimiter(client, { ...options, shareConnection: false })).toThrow(
    "shareConnection must be true, for the client's own connection is used; received false",
  )
})

it('the slot of a key is that of the cluster specification', () => {
  expect(slotOf('123456789')).toBe(0x31c3)
  expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'))
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'))
  // Nothing between the braces: the whole key counts.
  expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'))
})

/** A limiter over a cluster of which the server 'a' does not answer and others grant all, and the keys it is asked for. */
function overHalfACluster(slots: unknown[], keyPrefix = '') {
  const asked: string[] = []
  const evalsha = (sha: string, keys: number, key: string) => {
    asked.push(key)
    const shard = JSON.stringify(slots[slotOf(`${keyPrefix}${key}`)])
    return shard.includes('"a"') ? Promise.reject(new Error('closed')) : Promise.resolve(['1', '0', '5', '0'])
  }
  const client = { status: 'ready', options: { keyPrefix }, slots, evalsha, eval: evalsha } as never
  const options = {
    name: 'half',
    requestsPerSecond: 5,
    mode: 'exact',
    onUnavailable: 'closed',
    shareConnection: true,
  } as const
  return { asked, limiter: new RedisKeyedRateLimiter(client, options) }
}

it.each([
  ['ioredis', (name: string) => [name]],
  ['node-redis', (name: string) => ({ master: { address: name } })],
])('takes one server of a cluster for away, and no other: %s', async (_, shardOf) => {
  const slots = Array.from({ length: 16_384 }, (__, slot) => shardOf(slot % 2 === 0 ? 'a' : 'b'))
  const { limiter, asked } = overHalfACluster(slots)
  const isOfA = (key: string) => slotOf(key) % 2 === 0
  for (let i = 0; i < 40; i++)
    expect(await limiter.decide(i)).toMatchObject({ source: isOfA(`rl:{half:${i}}`) ? 'fallback' : 'redis' })
  expect(asked.filter(isOfA)).toHaveLength(1)
  // Another server takes over its slots.
  slots.fill(shardOf('b'))
  for (let i = 0; i < 40; i++) expect(await limiter.decide(i)).toMatchObject({ source: 'redis' })
  limiter.close()
})

it("looks for a server by the client's keyPrefix, too", async () => {
  const slots: unknown[] = new Array(16_384).fill(['b'])
  slots[slotOf('{app}')] = ['a']
  const { limiter, asked } = overHalfACluster(slots, '{app}:')
  for (let i = 0; i < 10; i++) expect(await limiter.decide(i)).toMatchObject({ source: 'fallback' })
  expect(asked).toHaveLength(1)
  limiter.close()
})

it('knows the slot of a key as a cluster does', () => {
  const keys = ['123456789', 'rl:{callers:ä}b}', 'rl:{}x', 'rl:{{a}', 'a}{b}']
  expect(keys.map(slotOf)).toEqual([12_739, 15_384, 12_554, 10_276, 3300])
})
