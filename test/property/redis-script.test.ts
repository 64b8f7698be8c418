import { createRequire } from 'node:module'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GCRA, gcraArguments, readGcraAnswer, timeOfToken, timeOfTokens } from '../../dist/redis/gcra.js'
import { hasServer, TestServer } from '../support/redis-server.js'

interface Client {
  eval(script: string, keys: number, ...rest: string[]): Promise<unknown>
  del(key: string): Promise<unknown>
  get(key: string): Promise<string | null>
  pttl(key: string): Promise<number>
  disconnect(): void
}

/** The script on a clock of the test's own: seconds and microseconds as two more arguments. */
const onOwnClock = GCRA.replace("redis.call('TIME')", '{ARGV[8], ARGV[9]}').replace(/, 'PX', .*?\)\)$/m, ')')

interface Meter {
  tat: bigint
  readonly unit: bigint
  readonly full: bigint
}

const longest = 4n * 10n ** 21n
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const burstOf = ({ full, unit }: { full: bigint; unit: bigint }): bigint => (full + unit / 2n) / unit

/** The same rule in whole picoseconds, which nothing can round; but what new terms take over is a fraction, rounded as the script does it. */
class Model {
  meters: Meter[] = []
  pausedAt = 0n
  pauseLength = 0n

  decide(
    now: bigint,
    { most, least, unit, full, pause }: { most: number; least: number; unit: bigint; full: bigint; pause: bigint },
  ): { granted: number; waitUs: number; left: number; pausedUs: number } {
    let meters = this.meters.map((meter) => ({ ...meter, tat: meter.tat < now ? now : meter.tat }))
    let mine = meters.find((meter) => meter.unit === unit && meter.full === full)
    const isNew = mine === undefined
    mine ??= { tat: now + (meters[0] === undefined ? 0n : lackingOf(meters[0], now, unit)), unit, full }
    meters = [mine, ...meters.filter((meter) => meter !== mine)]
    const largest = meters.map(burstOf).reduce((a, b) => (a > b ? a : b))
    const cut = (meter: Meter): void => {
      const most = burstOf(meter) < largest ? largest * meter.unit : meter.full
      meter.tat = smaller(meter.tat, now + smaller(most, longest))
    }
    const before = meters.map(({ tat }) => tat)
    meters.forEach(cut)
    const isCut = meters.some(({ tat }, i) => tat !== before[i])
    let pausedAt = this.pausedAt > now ? now : this.pausedAt
    let length = this.pauseLength
    if (pause > 0n && pausedAt + length < now + pause) [pausedAt, length] = [now, pause]
    let rest = pausedAt + length - now
    if (rest <= 0n) [pausedAt, length, rest] = [0n, 0n, 0n]
    const room = full - (mine.tat - now)
    const left = room < 0n ? 0 : Number(room / unit)
    let granted = rest > 0n ? 0 : Math.min(left, most)
    let waitPs = 0n
    if (granted < least) {
      granted = 0
      const cost = BigInt(least) * unit
      const missing = cost - room
      waitPs = cost > full ? -1n : missing > rest ? missing : rest
    }
    if (granted > 0 || rest > 0n || isCut || (isNew && this.meters.length > 0)) {
      for (const meter of meters) meter.tat += BigInt(granted) * meter.unit
      meters.slice(1).forEach(cut)
      const kept = meters.slice(0, 4)
      // A full bucket without a pause needs no key.
      if (rest > 0n || kept.some(({ tat }) => tat > now))
        [this.meters, this.pausedAt, this.pauseLength] = [kept, pausedAt, length]
    }
    const inUs = (ps: bigint): number => (ps < 0n ? -1 : Number((ps + 999_999n) / 1_000_000n))
    return { granted, waitUs: inUs(waitPs), left: left - granted, pausedUs: inUs(rest) }
  }
}

function lackingOf({ tat, unit: theirs }: Meter, now: bigint, unit: bigint): bigint {
  const numberOf = (ps: bigint): number => Number(ps / 1_000_000n) + Number(ps % 1_000_000n) / 1e6
  const exact = (numberOf(tat - now) / numberOf(theirs)) * numberOf(unit)
  const us = Math.floor(exact)
  return BigInt(us) * 1_000_000n + BigInt(Math.min(Math.ceil((exact - us) * 1e6), 999_999))
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
  /** Whose terms it goes by: mostly the first's. */
  by: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
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

  it('decides as an exact model does, whatever the rates, the bursts, the costs, the pauses and the clock', async () => {
    expect(onOwnClock).not.toContain("'TIME'")
    expect(onOwnClock).not.toContain("'PX'")
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(rate, fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 6 }),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (all, steps) => {
          await client.del('k')
          const model = new Model()
          let nowUs = 1_764_000_000_000_000
          for (const { moveUs, most, spare, pauseMs, by } of steps) {
            const [requestsPerSecond, burstSize] = all[by % all.length]!
            const unit = timeOfToken(requestsPerSecond)
            const full = timeOfTokens(burstSize, unit)
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

  describe('used by several terms', () => {
    const ask = async (nowUs: number, perSecond: number, burst: number, most = burst, least = 1): Promise<number> => {
      const unit = timeOfToken(perSecond)
      const values = gcraArguments({ most, least, unit, full: timeOfTokens(burst, unit), pauseMs: 0 })
      const seconds = Math.floor(nowUs / 1e6)
      const time = [`${1_764_000_000 + seconds}`, `${nowUs - seconds * 1e6}`]
      return readGcraAnswer(await client.eval(onOwnClock, 1, 'k', ...values, ...time)).granted
    }

    it.each([
      [10, 1],
      [1000, 1],
      [1000, 100],
      [0.1, 1000],
    ])('leaves those of 10 per second and a burst of 100 their bound beside %d and %d', async (perSecond, burst) => {
      await client.del('k')
      let granted = 0
      for (let nowUs = 0; nowUs <= 1e6; nowUs += 1000) {
        granted += await ask(nowUs, 10, 100)
        await ask(nowUs, perSecond, burst, 1)
      }
      expect(granted).toBeLessThanOrEqual(110)
      expect(granted).toBeGreaterThanOrEqual(1)
    })

    it('counts for each what the others take, and refuses none for longer than the largest bucket takes', async () => {
      await client.del('k')
      let fast = 0
      for (let nowUs = 0; nowUs <= 1e6; nowUs += 1000) {
        expect(await ask(nowUs, 10, 10, 1), String(nowUs)).toBe(nowUs === 0 ? 1 : 0)
        fast += await ask(nowUs, 1000, 20)
      }
      expect(fast).toBeLessThanOrEqual(1020)
      expect(fast).toBeGreaterThanOrEqual(1018)
      expect(await ask(1e6 + 1_100_000, 10, 10, 1)).toBe(1)
    })

    it('lets what new ones lack come back at their rate', async () => {
      await client.del('k')
      expect(await ask(0, 0.2, 1)).toBe(1)
      expect(await ask(50_000, 100, 1)).toBe(0)
      expect(await ask(60_000, 100, 1)).toBe(1)
    })

    it('keeps no more than four', async () => {
      await client.del('k')
      for (let burst = 10; burst < 30; burst++) expect(await ask(0, 0.001, burst, 1)).toBe(1)
      expect((await client.get('k'))!.split(' ')).toHaveLength(2 + 4 * 6)
      expect(await ask(0, 0.001, 20)).toBe(0)
    })
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
