import { rmSync } from 'node:fs'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { RedisRateLimiter, type RedisClient } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { Purse, PURSE_BYTES } from '../../../dist/redis/purse.js'
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

describe('a handle', () => {
  const client: RedisClient = { send: () => Promise.reject(new Error('away')) }

  it.each([undefined, {}, new ArrayBuffer(PURSE_BYTES), new SharedArrayBuffer(8)])(
    'is refused with %o for the memory of its purse',
    (purse) => {
      const limiter = new RedisRateLimiter(client, { name: 'n', requestsPerSecond: 1 })
      const handle = { ...limiter.share(), purse } as never
      expect(() => RedisRateLimiter.from(handle)).toThrow(
        `handle.purse must be a SharedArrayBuffer of ${PURSE_BYTES} bytes`,
      )
      limiter.close()
    },
  )

  it('brings along rate and burst of the moment', async () => {
    const name = `handle-${process.pid}`
    const limiter = new RedisRateLimiter(client, { name, requestsPerSecond: 0.01, burstSize: 5 })
    limiter.update({ burstSize: 20 })
    const other = RedisRateLimiter.from(limiter.share())
    other.update({ requestsPerSecond: 0.02 })
    expect(inspect(other)).toContain('requestsPerSecond: 0.02')
    expect(inspect(other)).toContain('burstSize: 20')
    expect(inspect(limiter)).toContain('requestsPerSecond: 0.01')
    await expect(limiter.tryAcquire(21)).rejects.toThrow('tokens must be an integer >= 1 and <= 20')
    expect(() => other.update({ burstSize: 0 })).toThrow('burstSize')
    // The server is away: this process goes by the new numbers, too.
    expect(await limiter.decide(20)).toMatchObject({ allowed: true, source: 'fallback' })
    for (const one of [other, limiter]) one.close()
    if (process.platform === 'linux') for (const file of filesOf(`redis:${name}`)) rmSync(file)
  })
})
