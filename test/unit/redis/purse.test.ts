import { rmSync } from 'node:fs'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { RedisRateLimiter, type RedisClient } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { KeyedWindow } from '../../../dist/rate-limit/keyed/keyed-window.js'
import { KeyedPurse } from '../../../dist/redis/keyed-purse.js'
import { Purse, PURSE_BYTES } from '../../../dist/redis/purse.js'
import { RATE_BYTES } from '../../../dist/redis/rate-in-use.js'
import { filesOf } from '../../support/machine.js'

/** Two threads' views of one purse, on a clock that the test moves. */
function purses() {
  let nowMs = 1000
  const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
  const one = Purse.create(new SharedArrayBuffer(PURSE_BYTES), clock)
  const two = new Purse(one.buffer, clock)
  return { one, two, move: (ms: number) => (nowMs += ms), now: () => nowMs }
}

describe('a purse', () => {
  it('gives each token once, to whoever has its memory, until its time is over', () => {
    const { one, two, move, now } = purses()
    expect(two.take(1)).toBe(false)
    one.put(10, now() + 100)
    expect([two.take(4), one.take(4), two.take(3), two.takeUpTo(3), one.takeUpTo(1)]).toEqual([true, true, false, 2, 0])
    one.put(5, now() + 100)
    move(99)
    expect(two.take(1)).toBe(true)
    move(1)
    expect([two.take(1), one.take(1), two.takeUpTo(4)]).toEqual([false, false, 0])
    expect([two.lapse(), one.lapse()]).toEqual([true, false])
  })

  it('lets tokens that are added to others lapse with them', () => {
    const { one, two, move, now } = purses()
    one.put(1, now() + 100)
    two.put(5, now() + 1000)
    move(100)
    expect([one.takeUpTo(9), two.takeUpTo(9)]).toEqual([0, 0])
    // What has lapsed makes room for what is new.
    one.put(3, now() + 50)
    expect(two.takeUpTo(9)).toBe(3)
    one.put(3, now())
    expect(two.takeUpTo(9)).toBe(0)
  })

  it('holds all during a pause, whoever has begun it, and what comes meanwhile is given up', () => {
    const { one, two, move, now } = purses()
    one.put(5, now() + 1000)
    two.pauseUntil(now() + 100)
    one.pauseUntil(now() + 50)
    expect([one.take(1), one.pausedMs]).toEqual([false, 100])
    one.put(5, now() + 1000)
    move(100)
    expect([one.pausedMs, one.take(1)]).toEqual([0, false])
    two.put(5, now() + 1000)
    expect(one.take(5)).toBe(true)
  })

  it('lets one at a time take ahead, and another when that one is not heard of for too long', () => {
    const { one, two, move } = purses()
    const claim = one.claim(100)
    expect([claim === 0, one.holds(claim), two.claim(100), one.claim(100)]).toEqual([false, true, 0, 0])
    move(100)
    expect(two.claim(100)).toBe(0)
    move(64)
    const other = two.claim(100)
    expect([two.holds(other), one.holds(claim)]).toEqual([true, false])
    // The first comes too late to change anything.
    one.release(claim)
    expect(two.holds(other)).toBe(true)
    two.release(other)
    expect(one.claim(100)).not.toBe(0)
    expect(one.holds(0)).toBe(false)
  })

  it('loses and doubles nothing while threads take and put at the same time', async () => {
    const clock = { now: () => 0, setTimeout: () => undefined, clearTimeout: () => undefined }
    const purse = Purse.create(new SharedArrayBuffer(PURSE_BYTES), clock)
    const program = `
      const { workerData: { url, buffer, own }, parentPort } = require('node:worker_threads')
      import(url).then(({ Purse }) => {
        const clock = { now: () => 0, setTimeout: () => undefined, clearTimeout: () => undefined }
        const purse = new Purse(buffer, clock)
        let taken = 0
        for (let i = 0; i < 100_000; i++) {
          const n = (i * own) % 7 + 1
          if (i % 5 === 0) { purse.put(n, 1000); taken -= n }
          else if (i % 2 === 0) taken += purse.takeUpTo(n)
          else if (purse.take(n)) taken += n
        }
        parentPort.postMessage(taken)
      })`
    const url = new URL('../../../dist/redis/purse.js', import.meta.url).href
    const balances = await Promise.all(
      [3, 5, 11].map(
        (own) =>
          new Promise<number>((resolve, reject) => {
            const worker = new Worker(program, { eval: true, workerData: { url, buffer: purse.buffer, own } })
            worker.once('message', resolve)
            worker.once('error', reject)
          }),
      ),
    )
    expect(balances.reduce((sum, one) => sum + one, 0) + purse.tokens).toBe(0)
  })
})

describe('the purse of a key', () => {
  /** Two threads' views of the tokens of a key, on a clock that the test moves. */
  function purses() {
    let nowMs = 1000
    const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
    const table = new KeyedWindow({ capacity: 100, clock })
    const held: number[] = []
    const purseOf = (key: string) => new KeyedPurse(table, key, clock, (ms) => held.push(ms))
    return { one: purseOf('k'), two: purseOf('k'), other: purseOf('l'), held, move: (ms: number) => (nowMs += ms) }
  }

  it('gives each token once, to whoever has the table, until its time is over, and to no other key', () => {
    const { one, two, other, move } = purses()
    expect(two.take(1)).toBe(false)
    one.put(10, 1100)
    expect([two.take(4), one.take(4), two.take(3), two.takeUpTo(3), one.takeUpTo(1)]).toEqual([true, true, false, 2, 0])
    one.put(5, 1100)
    expect([other.tokens, other.take(1)]).toEqual([0, false])
    move(95)
    expect([two.take(1), one.tokens]).toEqual([true, 4])
    move(5)
    expect([two.take(1), one.take(1), two.takeUpTo(4)]).toEqual([false, false, 0])
    expect([one.lapse(), one.lapse()]).toEqual([true, false])
  })

  it('lets tokens that are added to others lapse with them, and gives back what was taken', () => {
    const { one, two, move } = purses()
    one.put(1, 1100)
    two.put(5, 2000)
    const { endsMs } = one
    expect(endsMs).toBeLessThanOrEqual(1100)
    expect(one.takeUpTo(9)).toBe(6)
    one.put(6, endsMs)
    expect(two.takeUpTo(2)).toBe(2)
    move(100)
    expect([one.takeUpTo(9), two.takeUpTo(9)]).toEqual([0, 0])
    one.put(3, 1200)
    expect(two.takeUpTo(9)).toBe(3)
    // What comes too late, or for a moment only.
    one.put(3, 1101)
    expect(two.takeUpTo(9)).toBe(0)
  })

  it('gives up what is there during a pause, which holds the key', () => {
    const { one, two, held } = purses()
    one.put(5, 2000)
    two.pauseUntil(1100)
    expect([held, one.take(1), one.lapse()]).toEqual([[100], false, false])
  })

  it('holds no more tokens than tell it from the counts of hits that came too late', () => {
    const { one, two } = purses()
    one.put(1e9, 2000)
    one.put(1e9, 2000)
    expect([one.tokens, two.take(65_537), two.takeUpTo(1e9), one.tokens]).toEqual([65_536, false, 65_536, 0])
    one.ahead = 1e9
    expect(one.ahead).toBe(65_536)
  })

  it('lets one at a time take ahead, and another when that one is not heard of for too long', () => {
    const { one, two, move } = purses()
    const claim = one.claim(100)
    expect([one.holds(claim), two.claim(100), one.claim(100)]).toEqual([true, 0, 0])
    move(105)
    const other = two.claim(100)
    expect([two.holds(other), one.holds(claim)]).toEqual([true, false])
    // The first comes too late to change anything.
    one.release(claim)
    expect([two.holds(other), one.claim(100)]).toEqual([true, 0])
    two.release(other)
    expect(one.holds(one.claim(100))).toBe(true)
    expect(one.holds(0)).toBe(false)
  })

  it('doubles nothing while threads take and put at the same time', async () => {
    const table = new KeyedWindow({ capacity: 100 })
    const program = `
      const { workerData: { windows, purses, handle, own }, parentPort } = require('node:worker_threads')
      Promise.all([import(windows), import(purses)]).then(([{ KeyedWindow }, { KeyedPurse }]) => {
        const clock = { now: () => performance.timeOrigin + performance.now() }
        const purse = new KeyedPurse(KeyedWindow.from(handle), 'k', clock, () => undefined)
        let [taken, put] = [0, 0]
        for (let i = 0; i < 30_000; i++) {
          const n = (i * own) % 7 + 1
          if (i % 5 === 0) { purse.put(n, clock.now() + (i % 100 === 0 ? 5 : 1000)); put += n }
          else if (i % 2 === 0) taken += purse.takeUpTo(n)
          else if (purse.take(n)) taken += n
        }
        parentPort.postMessage([taken, put])
      })`
    const [windows, purses] = [
      '../../../dist/rate-limit/keyed/keyed-window.js',
      '../../../dist/redis/keyed-purse.js',
    ].map((path) => new URL(path, import.meta.url).href)
    const workerData = { windows, purses, handle: table.share() }
    const balances = await Promise.all(
      [3, 5, 11].map(
        (own) =>
          new Promise<[number, number]>((resolve, reject) => {
            const worker = new Worker(program, { eval: true, workerData: { ...workerData, own } })
            worker.once('message', resolve)
            worker.once('error', reject)
          }),
      ),
    )
    const [taken, put] = [0, 1].map((part) => balances.reduce((sum, one) => sum + one[part]!, 0)) as [number, number]
    expect(taken).toBeLessThanOrEqual(put)
    expect(taken).toBeGreaterThan(put / 4)
  })
})

describe('a handle', () => {
  const client: RedisClient = { send: () => Promise.reject(new Error('away')) }

  it.each([undefined, {}, new ArrayBuffer(PURSE_BYTES), new SharedArrayBuffer(8)])(
    'is refused with %o for the memory of its purse, or its rate',
    (memory) => {
      const limiter = new RedisRateLimiter(client, { name: 'n', requestsPerSecond: 1 })
      for (const [part, bytes] of [
        ['purse', PURSE_BYTES],
        ['rate', RATE_BYTES],
      ] as const) {
        const handle = { ...limiter.share(), [part]: memory } as never
        const message = `handle.${part} must be a SharedArrayBuffer of ${bytes} bytes`
        expect(() => RedisRateLimiter.from(handle)).toThrow(message)
      }
      limiter.close()
    },
  )

  it('brings rate and burst along, and what becomes of them', async () => {
    const limiter = new RedisRateLimiter(client, {
      name: `handle-${process.pid}`,
      requestsPerSecond: 0.01,
      burstSize: 5,
    })
    const other = RedisRateLimiter.from(limiter.share())
    other.update({ burstSize: 20 })
    limiter.update({ requestsPerSecond: 0.02 })
    expect(inspect(other)).toContain('requestsPerSecond: 0.02')
    expect(inspect(other)).toContain('burstSize: 20')
    await expect(limiter.tryAcquire(21)).rejects.toThrow('tokens must be an integer >= 1 and <= 20')
    expect(() => other.update({ burstSize: 0 })).toThrow('burstSize')
    // The server is away: this process goes by the new numbers, too.
    expect(await limiter.decide(20)).toMatchObject({ allowed: true, source: 'fallback' })
    for (const one of [other, limiter]) one.close()
    if (process.platform === 'linux') for (const file of filesOf(`redis:handle-${process.pid}`)) rmSync(file)
  })
})
