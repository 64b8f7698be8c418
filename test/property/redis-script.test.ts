import { createRequire } from 'node:module'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GCRA, gcraArguments, readGcraAnswer, timeOfToken, timeOfTokens } from '../../dist/redis/gcra.js'
import { hasServer, TestServer } from '../support/redis-server.js'

interface Client {
  eval(script: string, keys: number, ...rest: string[]): Promise<unknown>
  del(key: string): Promise<unknown>
  pttl(key: string): Promise<number>
  disconnect(): void
}

/** The script on a clock of the test's own: seconds and microseconds as two more arguments. */
const onOwnClock = GCRA.replace("redis.call('TIME')", '{ARGV[8], ARGV[9]}').replace(/, 'PX', .*?\)\)$/m, ')')

/** The same rule in whole picoseconds, which nothing can round. */
class Model {
  tat = 0n
  pausedAt = 0n
  pauseLength = 0n

  decide(
    now: bigint,
    { most, least, unit, full, pause }: { most: number; least: number; unit: bigint; full: bigint; pause: bigint },
  ): { granted: number; waitUs: number; left: number; pausedUs: number } {
    let tat = this.tat < now ? now : this.tat
    if (tat > now + full) tat = now + full
    let pausedAt = this.pausedAt > now ? now : this.pausedAt
    let length = this.pauseLength
    if (pause > 0n && pausedAt + length < now + pause) [pausedAt, length] = [now, pause]
    let rest = pausedAt + length - now
    if (rest <= 0n) [pausedAt, length, rest] = [0n, 0n, 0n]
    const room = full - (tat - now)
    const left = Number(room / unit)
    let granted = rest > 0n ? 0 : Math.min(left, most)
    let waitPs = 0n
    if (granted < least) {
      granted = 0
      const cost = BigInt(least) * unit
      const missing = cost - room
      waitPs = cost > full ? -1n : missing > rest ? missing : rest
    }
    tat += BigInt(granted) * unit
    // A full bucket without a pause needs no key.
    const isCut = tat / 1_000_000n !== this.tat / 1_000_000n
    if ((granted > 0 || rest > 0n || isCut) && (tat > now || rest > 0n))
      [this.tat, this.pausedAt, this.pauseLength] = [tat, pausedAt, length]
    const inUs = (ps: bigint): number => (ps < 0n ? -1 : Number((ps + 999_999n) / 1_000_000n))
    return { granted, waitUs: inUs(waitPs), left: left - granted, pausedUs: inUs(rest) }
  }
}

const picoseconds = ({ us, ps }: { us: number; ps: number }): bigint => BigInt(us) * 1_000_000n + BigInt(ps)

const rate = fc.oneof(
  fc.double({ min: 1e-3, max: 1e7, noNaN: true }),
  fc.constantFrom(0.001, 1 / 3, 1, 7, 999.999, 70_000, 1e7),
)
const step = fc.record({
  /** Mostly forward; now and then the clock is set. */
  moveUs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 2_000_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -3_600_000_000, max: 3_600_000_000 }) },
  ),
  most: fc.integer({ min: 0, max: 50 }),
  spare: fc.integer({ min: 0, max: 20 }),
  pauseMs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  ),
})

describe.skipIf(!hasServer('redis'))('the script of the limits (needs redis-server)', () => {
  let server: TestServer
  let client: Client

  beforeAll(async () => {
    server = await TestServer.start('redis')
    const { Redis } = createRequire(import.meta.url)('ioredis') as { Redis: new (options: object) => Client }
    client = new Redis({ port: server.port, host: '127.0.0.1' })
  })
  afterAll(async () => {
    client.disconnect()
    await server[Symbol.asyncDispose]()
  })

  it('decides as an exact model does, whatever the rate, the costs, the pauses and the clock', async () => {
    expect(onOwnClock).not.toContain("'TIME'")
    expect(onOwnClock).not.toContain("'PX'")
    await fc.assert(
      fc.asyncProperty(
        rate,
        fc.integer({ min: 1, max: 1000 }),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (requestsPerSecond, burstSize, steps) => {
          await client.del('k')
          const model = new Model()
          const unit = timeOfToken(requestsPerSecond)
          const full = timeOfTokens(burstSize, unit)
          let nowUs = 1_764_000_000_000_000
          for (const { moveUs, most, spare, pauseMs } of steps) {
            nowUs += moveUs
            const least = Math.max(0, most - spare)
            const values = gcraArguments({ most, least, unit, full, pauseMs })
            const seconds = Math.floor(nowUs / 1e6)
            const answer = await client.eval(onOwnClock, 1, 'k', ...values, `${seconds}`, `${nowUs - seconds * 1e6}`)
            const { granted, waitMs, left, pausedMs } = readGcraAnswer(answer)
            const expected = model.decide(BigInt(nowUs) * 1_000_000n, {
              most,
              least,
              unit: picoseconds(unit),
              full: picoseconds(full),
              pause: BigInt(pauseMs) * 1_000_000_000n,
            })
            expect({
              granted,
              waitUs: waitMs === Infinity ? -1 : Math.round(waitMs * 1000),
              left,
              pausedUs: Math.round(pausedMs * 1000),
            }).toEqual(expected)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('grants the whole burst at once, at rates whose tokens take no whole microseconds, too', async () => {
    for (const perSecond of [3, 7, 0.3, 999.999, 1e6 / 7]) {
      for (const burst of [1, 3, 7, 1000]) {
        await client.del('k')
        const unit = timeOfToken(perSecond)
        const request = { most: burst + 1, least: burst, unit, full: timeOfTokens(burst, unit), pauseMs: 0 }
        const answer = await client.eval(onOwnClock, 1, 'k', ...gcraArguments(request), '1764000000', '0')
        expect(readGcraAnswer(answer), `${perSecond} per second`).toMatchObject({ granted: burst, left: 0 })
      }
    }
  })

  it('keeps a key as long as it says anything, and no longer', async () => {
    const ask = async (most: number, pauseMs: number): Promise<number> => {
      const unit = timeOfToken(0.01)
      await client.eval(GCRA, 1, 'k', ...gcraArguments({ most, least: 0, unit, full: timeOfTokens(10, unit), pauseMs }))
      return client.pttl('k')
    }
    await client.del('k')
    // A full bucket needs no key: -2.
    expect(await ask(0, 0)).toBe(-2)
    let wholeMs = 0
    for (const [most, pauseMs, lastsMs] of [
      [1, 0, 100_000],
      [3, 0, 400_000],
      [0, 0, 400_000],
      [0, 5000, 400_000],
      [0, 3_600_000, 3_600_000],
    ] as const) {
      wholeMs = await ask(most, pauseMs)
      expect(wholeMs).toBeLessThanOrEqual(lastsMs + 1)
      // The machine may be slow between two of them.
      expect(wholeMs).toBeGreaterThan(lastsMs - 50_000)
    }
  })

  it('is exact up to 2^53', async () => {
    // The longest that a bucket may take to fill, at the end of the times that clocks know of here.
    const unit = timeOfToken(1 / 3.15e9)
    const full = timeOfTokens(1, unit)
    for (const nowUs of [1_764_000_000_000_000, 4_000_000_000_000_000, 2 ** 53 - 1 - full.us]) {
      await client.del('k')
      const model = new Model()
      const seconds = Math.floor(nowUs / 1e6)
      const time = [`${seconds}`, `${nowUs - seconds * 1e6}`]
      for (const least of [1, 1, 0]) {
        const values = gcraArguments({ most: 1, least, unit, full, pauseMs: 0 })
        const { granted, waitMs, left } = readGcraAnswer(await client.eval(onOwnClock, 1, 'k', ...values, ...time))
        const expected = model.decide(BigInt(nowUs) * 1_000_000n, {
          most: 1,
          least,
          unit: picoseconds(unit),
          full: picoseconds(full),
          pause: 0n,
        })
        expect([granted, waitMs * 1000, left]).toEqual([expected.granted, expected.waitUs, expected.left])
      }
    }
  })

  it('grants at any rate what the rate allows, to a token in a million', async () => {
    for (const perSecond of [70_000, 333_333, 1e6 / 7]) {
      const unit = timeOfToken(perSecond)
      const millionMs = Number(picoseconds(unit) * 1_000_000n) / 1e9
      expect(Math.abs(millionMs - 1e9 / perSecond)).toBeLessThanOrEqual((1e9 / perSecond) * 1e-6)
    }
  })
})
