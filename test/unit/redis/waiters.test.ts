import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisKeyedRateLimiter, RedisRateLimiter } from '../../../dist/redis/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { GCRA_SCRIPT } from '../../../dist/redis/gcra.js'
import { filesOf } from '../../support/machine.js'

/** What a server says: granted, us to wait, left, us of a pause. */
type Answer = readonly [granted: number, waitUs: number, left: number, pausedUs?: number]

/** A server whose answers come when the test wants them. */
class SlowServer {
  readonly #under: ((answer: Answer | Error) => void)[] = []
  /** Most and least of each question. */
  readonly asked: (readonly [number, number])[] = []

  send(command: readonly string[]): Promise<unknown> {
    expect(command[1]).toBe(GCRA_SCRIPT.sha)
    this.asked.push([Number(command[4]), Number(command[5])])
    return new Promise((resolve, reject) => {
      this.#under.push((answer) => {
        if (answer instanceof Error) reject(answer)
        else resolve([...answer, ...(answer.length < 4 ? [0] : [])].map(String))
      })
    })
  }

  /** Answers the first question that has no answer. */
  async answer(answer: Answer | Error): Promise<void> {
    await expect.poll(() => this.#under.length, { interval: 1 }).toBeGreaterThan(0)
    this.#under.shift()!(answer)
    await new Promise(setImmediate)
  }
}

const options = { name: 'waiters', requestsPerSecond: 10, burstSize: 100, mode: 'exact', timeoutMs: 10_000 } as const

const unhandled: unknown[] = []
const listen = (error: unknown): void => void unhandled.push(error)
beforeAll(() => process.on('unhandledRejection', listen))
afterAll(() => {
  process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})

describe('a limiter over Redis that is closed', () => {
  it('refuses who waits and what was asked, and counts nothing on this machine, whatever the server says then', async () => {
    for (const answer of [new Error('away'), [0, 1e6, 0] as const, [1, 0, 9] as const]) {
      const server = new SlowServer()
      const limiter = new RedisRateLimiter(server, options)
      const keyed = new RedisKeyedRateLimiter(server, options)
      const outcomes = Promise.allSettled([limiter.acquire(), keyed.acquire('k')])
      await expect.poll(() => server.asked.length).toBe(2)
      limiter.close()
      keyed.close()
      await server.answer(answer)
      await server.answer(answer)
      expect(await outcomes).toMatchObject([{ reason: { reason: 'disposed' } }, { reason: { reason: 'disposed' } }])
      expect([limiter.stats().waiting, keyed.stats().waiting]).toEqual([0, 0])
      expect(unhandled).toEqual([])
    }
  })

  it('ends nobody over what its fallback is asked after its end', async () => {
    const [server, clock] = [new SlowServer(), new FakeClock()]
    const limiter = new RedisRateLimiter(server, { ...options, clock, name: `waiters-${process.pid}` })
    const first = limiter.decide()
    await server.answer(new Error('away'))
    expect(await first).toMatchObject({ source: 'fallback' })
    await clock.advance(250)
    const outcome = Promise.allSettled([limiter.acquire()])
    await expect.poll(() => server.asked.length).toBe(2)
    limiter.close()
    await server.answer(new Error('away'))
    expect(await outcome).toMatchObject([{ reason: { reason: 'disposed' } }])
    expect(unhandled).toEqual([])
  })

  it('rejects a decision that was under way while the server is away', async () => {
    const server = new SlowServer()
    const limiter = new RedisRateLimiter(server, options)
    const decision = limiter.decide()
    limiter.close()
    await Promise.all([
      server.answer(new Error('away')),
      expect(decision).rejects.toMatchObject({ reason: 'disposed' }),
    ])
  })
})

describe('a key that no time will serve', () => {
  it('is refused once and holds nobody else, when the burst was lowered meanwhile', async () => {
    const server = new SlowServer()
    const limiter = new RedisKeyedRateLimiter(server, options)
    const decision = limiter.decide('k', 50)
    limiter.update({ burstSize: 10 })
    await server.answer([0, -1, 0])
    expect(await decision).toMatchObject({ allowed: false, waitMs: Infinity })
    const next = limiter.decide('k')
    await server.answer([1, 0, 9])
    expect(await next).toMatchObject({ allowed: true, source: 'redis' })
    limiter.close()
  })

  it('may be refused for longer than tables last', async () => {
    const server = new SlowServer()
    const limiter = new RedisKeyedRateLimiter(server, { ...options, requestsPerSecond: 1e-9, burstSize: 1 })
    const decision = limiter.tryAcquire('k')
    await server.answer([0, 1e15, 0])
    expect(await decision).toBe(false)
    expect(await limiter.decide('k')).toMatchObject({ allowed: false, source: 'lease' })
    limiter.close()
  })
})

describe('a time limit of a keyed limiter', () => {
  it('may be longer than tables last', async () => {
    const server = new SlowServer()
    const timeoutMs = Number.MAX_SAFE_INTEGER
    const limiter = new RedisKeyedRateLimiter(server, { ...options, timeoutMs })
    const decision = limiter.decide('k')
    await server.answer([1, 0, 9])
    expect(await decision).toMatchObject({ allowed: true, source: 'redis' })
    limiter.close()
  })
})

describe('a limiter over Redis that is changed while somebody waits', () => {
  const kinds = {
    RedisRateLimiter: (server: SlowServer, clock: FakeClock) => {
      const limiter = new RedisRateLimiter(server, { ...options, clock })
      return { limiter, acquire: (tokens = 1) => limiter.acquire(tokens) }
    },
    RedisKeyedRateLimiter: (server: SlowServer, clock: FakeClock) => {
      const limiter = new RedisKeyedRateLimiter(server, { ...options, clock })
      return { limiter, acquire: (tokens = 1) => limiter.acquire('k', tokens) }
    },
  }

  describe.each(Object.entries(kinds))('%s', (_, make) => {
    it('refuses who waits for more than the burst, and serves the others', async () => {
      const server = new SlowServer()
      const { limiter, acquire } = make(server, new FakeClock())
      const outcomes = Promise.allSettled([acquire(50), acquire(), acquire(11), acquire(10)])
      await server.answer([0, 5e6, 0])
      limiter.update({ burstSize: 10 })
      for (let i = 0; i < 2; i++) await server.answer([i === 0 ? 1 : 10, 0, 0])
      expect(await outcomes).toMatchObject([
        { reason: { name: 'RangeError', message: expect.stringContaining('<= 10 (burstSize)') as string } },
        { status: 'fulfilled' },
        { reason: { name: 'RangeError' } },
        { status: 'fulfilled' },
      ])
      limiter.close()
    })

    it('asks again at once, and goes by no answer to what it asked before', async () => {
      const server = new SlowServer()
      const { limiter, acquire } = make(server, new FakeClock())
      const outcome = acquire()
      await server.answer([0, 5e6, 0])
      limiter.update({ requestsPerSecond: 100 })
      await expect.poll(() => server.asked.length).toBe(2)
      limiter.update({ requestsPerSecond: 1000 })
      await server.answer([0, 5e6, 0])
      await server.answer([1, 0, 0])
      await outcome
      limiter.close()
    })
  })
})

describe('a caller that waits while the server is away', () => {
  it('notices that it is back, however long the fallback would take', async () => {
    const clock = new FakeClock()
    let isAway = true
    const server = { send: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(['1', '0', '9', '0'])) }
    const name = `back-${process.pid}`
    const limiter = new RedisRateLimiter(server, { ...options, clock, name, burstSize: 1, processes: 1000 })
    expect(await limiter.tryAcquire()).toBe(true)
    let isServed = false
    const served = limiter.acquire().then(() => (isServed = true))
    await clock.advance(1000)
    expect(isServed).toBe(false)
    isAway = false
    await clock.advance(1000)
    expect(isServed).toBe(true)
    await served
    limiter.close()
  })
})

describe('the counts of a limiter over Redis', () => {
  it('have a caller that is refused in the middle of a question once, and an aborted one not at all', async () => {
    const [server, clock] = [new SlowServer(), new FakeClock()]
    const limiter = new RedisRateLimiter(server, { ...options, clock, onUnavailable: 'closed', timeoutMs: 50 })
    const refused = Promise.allSettled([limiter.acquire(1, { maxWaitMs: 10 })])
    await clock.advance(40)
    await server.answer(new Error('away'))
    expect(await refused).toMatchObject([{ reason: { code: 'ERR_RATE_LIMIT_EXCEEDED' } }])
    expect(limiter.stats()).toMatchObject({ allowed: 0, denied: 1 })
    await clock.advance(300)
    const abort = new AbortController()
    const aborted = Promise.allSettled([limiter.acquire(1, { signal: abort.signal })])
    await expect.poll(() => server.asked.length).toBe(2)
    abort.abort('gone')
    await server.answer(new Error('away'))
    expect(await aborted).toMatchObject([{ reason: 'gone' }])
    expect(limiter.stats()).toMatchObject({ allowed: 0, denied: 1 })
    limiter.close()
  })

  it('have a decision of the fallback once, however often its caller looked', async () => {
    const [server, clock] = [{ send: () => Promise.reject(new Error('away')) }, new FakeClock()]
    const limiter = new RedisRateLimiter(server, { ...options, clock, burstSize: 1, name: `counts-${process.pid}` })
    const all = Promise.all([limiter.acquire(), limiter.acquire(), limiter.acquire()])
    for (let i = 0; i < 30; i++) await clock.advance(10)
    await all
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0, fallbacks: 3 })
    limiter.close()
  })
})

describe('maxWaitMs of a limiter over Redis', () => {
  it('does not count the time of the question, whose tokens would be spent', async () => {
    const [server, clock] = [new SlowServer(), new FakeClock()]
    const limiter = new RedisRateLimiter(server, { ...options, clock, timeoutMs: 50 })
    const outcomes = Promise.allSettled([0, 0, 30].map((maxWaitMs) => limiter.acquire(1, { maxWaitMs })))
    await clock.advance(40)
    expect(limiter.stats().waiting).toBe(3)
    await server.answer([1, 0, 0])
    for (let i = 0; i < 2; i++) await server.answer([0, 100_000, 0])
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled' },
      { reason: { message: expect.stringContaining('would take 100 ms, and waiting is not wanted') as string } },
      { reason: { message: expect.stringContaining('would take 100 ms, and that is longer than 30 ms') as string } },
    ])
    expect(limiter.stats()).toMatchObject({ allowed: 1, denied: 2, waiting: 0 })
    limiter.close()
  })

  it('refuses who comes behind others when it is up', async () => {
    const [server, clock] = [new SlowServer(), new FakeClock()]
    const limiter = new RedisRateLimiter(server, { ...options, clock, timeoutMs: 50 })
    const first = limiter.acquire()
    await server.answer([0, 100_000, 0])
    const second = Promise.allSettled([limiter.acquire(2, { maxWaitMs: 30 })])
    await clock.advance(30)
    expect(await second).toMatchObject([
      {
        reason: { message: expect.stringContaining('and they have not come within 30 ms') as string, retryAfterMs: 70 },
      },
    ])
    await clock.advance(70)
    await server.answer([1, 0, 0])
    await first
    limiter.close()
  })
})

describe('update() of a RedisKeyedRateLimiter', () => {
  it('forgets refusals and no pause, also that of a key that was refused before', async () => {
    const server = new SlowServer()
    const limiter = new RedisKeyedRateLimiter(server, { ...options, requestsPerSecond: 1 })
    const ask = async (key: string, answer: Answer): Promise<boolean> => {
      const allowed = limiter.tryAcquire(key)
      await server.answer(answer)
      return allowed
    }
    for (const key of ['refused', 'both']) expect(await ask(key, [0, 60e6, 0])).toBe(false)
    for (const key of ['paused', 'both']) {
      const paused = limiter.pauseFor(key, 10_000)
      await server.answer([0, 0, 0, 10e6])
      await paused
    }
    for (const key of ['refused', 'paused', 'both'])
      expect(await limiter.decide(key)).toMatchObject({ allowed: false, source: 'lease' })
    for (const requestsPerSecond of [2, 3]) {
      limiter.update({ requestsPerSecond })
      for (const key of ['paused', 'both']) {
        const { allowed, waitMs, source } = await limiter.decide(key)
        expect({ allowed, source }).toEqual({ allowed: false, source: 'lease' })
        expect(waitMs).toBeGreaterThan(5000)
        expect(waitMs).toBeLessThanOrEqual(10_001)
      }
      expect(await ask('refused', [0, 60e6, 0])).toBe(false)
      expect(await limiter.decide('refused')).toMatchObject({ allowed: false, source: 'lease' })
    }
    limiter.close()
  })

  it('lets a pause of the server stand against a refusal', async () => {
    const server = new SlowServer()
    const limiter = new RedisKeyedRateLimiter(server, options)
    const decision = limiter.decide('k')
    await server.answer([0, 60e6, 0, 60e6])
    expect(await decision).toMatchObject({ allowed: false })
    limiter.update({ requestsPerSecond: 20 })
    expect(await limiter.decide('k')).toMatchObject({ allowed: false, source: 'lease' })
    limiter.close()
  })
})

describe('the fallback of a limiter over Redis', () => {
  it('is one for each name', async () => {
    const own = `b${process.pid}`
    const names = ['/', '_', '%2f', '%'].map((sign) => `x${sign}${own}`)
    for (const end of ['a', 'b']) names.push(`${own.padEnd(199, 'x')}${end}`)
    const server = { send: () => Promise.reject(new Error('away')) }
    for (const name of names) {
      const limiter = new RedisRateLimiter(server, { ...options, name, requestsPerSecond: 0.001, burstSize: 1 })
      expect(await limiter.decide(), name).toMatchObject({ allowed: true, source: 'fallback' })
      expect(await limiter.decide(), name).toMatchObject({ allowed: false, source: 'fallback' })
      limiter.close()
    }
    const onMachine = names.map((name) =>
      name.length > 190
        ? createHash('sha256').update(name).digest('base64url')
        : name.replaceAll('%', '%25').replaceAll('/', '%2f'),
    )
    if (process.platform === 'linux')
      for (const name of onMachine) for (const file of filesOf(`redis:${name}`)) rmSync(file)
  })
})
