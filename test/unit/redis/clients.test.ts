import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import { connectionOf } from '../../../dist/redis/clients.js'
import { RedisKeyedRateLimiter, RedisRateLimiter } from '../../../dist/redis/index.js'
import { ServerCounts } from '../../../dist/redis/server-counts.js'
import { slotOf } from '../../../dist/redis/slot.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A cluster of node-redis, all of whose slots one server has, and those that were made from it. */
function cluster() {
  const made: { connect(): Promise<void>; opened: () => void; asked: ((answer: unknown) => void)[] }[] = []
  const duplicate = () => {
    let opened!: () => void
    const connecting = new Promise<void>((resolve) => (opened = resolve))
    const asked: ((answer: unknown) => void)[] = []
    const own = {
      isOpen: true,
      opened,
      asked,
      slots: new Array(16_384).fill({ master: { address: 'a' } }),
      duplicate,
      on: () => own,
      connect: () => connecting,
      destroy: () => undefined,
      evalSha: () => new Promise((resolve) => asked.push(resolve)),
      eval: () => Promise.resolve(),
    }
    made.push(own)
    return own
  }
  return { given: duplicate(), made }
}

it('goes on with a cluster that is silent, until one that was made anew is connected', async () => {
  let nowMs = 0
  const time = vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const { given, made } = cluster()
  const connection = connectionOf(given, false)
  const ask = () => connection.run({ sha: 'sha', text: 'text' }, 'key', [], () => true)
  made[1]!.opened()
  await new Promise(setImmediate)
  void ask()
  expect(made[1]!.asked).toHaveLength(1)
  // The server is not heard of for so long that another may be in its place.
  nowMs = 2000
  void ask()
  void ask()
  await new Promise(setImmediate)
  expect(made).toHaveLength(3)
  expect(made[1]!.asked).toHaveLength(3)
  // Nor is that one connected in time.
  nowMs = 3500
  void ask()
  expect(made).toHaveLength(4)
  made[2]!.opened()
  await new Promise(setImmediate)
  void ask()
  expect(made[2]!.asked).toHaveLength(0)
  made[3]!.opened()
  await new Promise(setImmediate)
  const answer = ask()
  made[3]!.asked[0]!('answer')
  expect(await answer).toBe('answer')
  time.mockRestore()
})

it.each([
  ['its socket is there', 'connect'],
  ['it fails', 'error'],
  ['it tries again', 'reconnecting'],
])('ends a connection of node-redis that was closed while it opens, once %s', (_, event) => {
  const destroy = vi.fn()
  const own = Object.assign(new EventEmitter(), {
    isOpen: true,
    isReady: false,
    duplicate: () => own,
    connect: () => new Promise<void>(() => undefined),
    destroy,
    evalSha: () => Promise.resolve(),
    eval: () => Promise.resolve(),
  })
  connectionOf(own, false).close()
  // Node-redis would open the socket that it has begun to, and end nothing then.
  expect(destroy).not.toHaveBeenCalled()
  own.emit(event)
  expect(destroy).toHaveBeenCalledOnce()
})

it('makes no connection anew that was closed, since nobody would end it', async () => {
  const time = vi.spyOn(performance, 'now').mockReturnValue(0)
  const { given, made } = cluster()
  const connection = connectionOf(given, false)
  connection.close()
  time.mockReturnValue(2000)
  void connection.run({ sha: 'sha', text: 'text' }, 'key', [], () => true)
  expect(made).toHaveLength(2)
  time.mockRestore()
})

it('makes one connection of a client, which the last of its limiters and stores ends', () => {
  const made: { disconnect: ReturnType<typeof vi.fn> }[] = []
  const client = () => ({
    status: 'ready',
    duplicate: () => (made.push(client()), made.at(-1)),
    disconnect: vi.fn(),
    on: () => undefined,
    evalsha: () => Promise.resolve(),
    eval: () => Promise.resolve(),
  })
  const [given, other] = [client() as never, client() as never]
  const options = { name: 'one', requestsPerSecond: 1 }
  const counted = { name: 'one', timeoutMs: 50, shareConnection: false, clock: new FakeClock() }
  const users = [
    ...Array.from({ length: 1000 }, () => new RedisRateLimiter(given, options)),
    ...Array.from({ length: 10 }, (_, i) => new RedisKeyedRateLimiter(given, { ...options, name: `${i}` })),
    ...Array.from({ length: 10 }, () => new ServerCounts(given, counted)),
  ]
  expect(made).toHaveLength(1)
  const shared = new RedisRateLimiter(given, { ...options, shareConnection: true })
  shared.close()
  const last = users.pop()!
  for (const user of users) user.close()
  // Who closes twice ends nobody else's.
  for (const user of users) user.close()
  expect(made[0]!.disconnect).not.toHaveBeenCalled()
  last.close()
  expect(made[0]!.disconnect).toHaveBeenCalledOnce()
  // What is made then has another, as has what is made of another client.
  const late = [new RedisRateLimiter(given, options), new RedisRateLimiter(other, options)]
  expect(made).toHaveLength(3)
  for (const limiter of late) limiter.close()
  for (const { disconnect } of made) expect(disconnect).toHaveBeenCalledOnce()
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
