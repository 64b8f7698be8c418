import { createRequire } from 'node:module'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GCRA, gcraArguments, readGcraAnswers, timeOfToken, timeOfTokens } from '../../dist/redis/gcra.js'
import { hasServer, TestServer } from '../support/redis-server.js'

interface Client {
  eval(script: string, keys: number, ...rest: string[]): Promise<unknown>
  del(key: string): Promise<unknown>
  get(key: string): Promise<string | null>
  pttl(key: string): Promise<number>
  disconnect(): void
}

/** The script on a clock of the test's own: seconds and microseconds as the last two arguments. */
const onOwnClock = GCRA.replace("redis.call('TIME')", '{ARGV[#ARGV - 1], ARGV[#ARGV]}').replace(
  /, 'PX', .*?\)\)$/m,
  ')',
)

const longest = 4n * 10n ** 21n
const inUs = (ps: bigint): number => (ps < 0n ? -1 : Number((ps + 999_999n) / 1_000_000n))

interface Asked {
  readonly most: number
  readonly least: number
  readonly unit: bigint
  readonly full: bigint
  readonly pause: bigint
}

/** The same rule in whole picoseconds, which nothing can round; but what new terms take over is a fraction, rounded as the script does it. */
class Model {
  state: { tat: bigint; pausedAt: bigint; pauseLength: bigint; unit: bigint; full: bigint; over: bigint } | undefined

  /** What it would grant; and what becomes of it if that is granted. */
  decide(now: bigint, { most, least, unit, full, pause }: Asked) {
    const before = this.state
    let [tat, isChanged] = [now, false]
    if (before !== undefined) {
      tat = before.tat < now ? now : before.tat
      const most = now + before.full + before.over
      if (tat > most) [tat, isChanged] = [most, true]
      if (before.unit !== unit || before.full !== full) {
        const lacking = Math.min((numberOf(tat - now) / numberOf(before.unit)) * numberOf(unit), 4e15)
        const us = Math.floor(lacking)
        tat = now + BigInt(us) * 1_000_000n + BigInt(Math.min(Math.ceil((lacking - us) * 1e6), 999_999))
        isChanged = true
      }
    }
    let pausedAt = before === undefined || before.pausedAt > now ? now : before.pausedAt
    let length = before?.pauseLength ?? 0n
    if (pause > 0n && pausedAt + length < now + pause) [pausedAt, length] = [now, pause]
    let rest = pausedAt + length - now
    if (rest <= 0n) [pausedAt, length, rest] = [0n, 0n, 0n]
    const room = full - (tat - now)
    const left = room < 0n ? 0 : Number(room / unit)
    const would = least < 0 ? most : rest > 0n ? 0 : Math.min(left, most)
    let waitPs = 0n
    if (would < least) {
      const cost = BigInt(least) * unit
      const missing = cost - room
      waitPs = cost > full ? -1n : missing > rest ? missing : rest
    }
    const settle = (isGranted: boolean) => {
      const granted = isGranted || least < 0 ? would : 0
      if (granted !== 0 || rest > 0n || isChanged) {
        let after = tat + BigInt(granted) * unit
        after = after < now ? now : after > now + longest ? now + longest : after
        const owed = after - now - full
        // In whole microseconds, rounded up as the script does it.
        let over = owed <= 0n ? 0n : (after / 1_000_000n - now / 1_000_000n - full / 1_000_000n) * 1_000_000n
        if (owed > 0n && after % 1_000_000n > full % 1_000_000n) over += 1_000_000n
        this.state =
          rest > 0n || after > now ? { tat: after, pausedAt, pauseLength: length, unit, full, over } : undefined
      }
      return { granted, waitUs: inUs(waitPs), left: Math.max(left - granted, 0), pausedUs: inUs(rest) }
    }
    return { isThere: would >= least, settle }
  }
}

function numberOf(ps: bigint): number {
  return Number(ps / 1_000_000n) + Number(ps % 1_000_000n) / 1e6
}

const picoseconds = ({ us, ps }: { us: number; ps: number }): bigint => BigInt(us) * 1_000_000n + BigInt(ps)

const rate = fc.oneof(
  fc.double({ min: 1e-3, max: 1e7, noNaN: true }),
  fc.constantFrom(0.001, 1 / 3, 1, 7, 999.999, 70_000, 1e7),
)
/** What is asked of one limit. */
const asked = fc.record({
  most: fc.integer({ min: 0, max: 50 }),
  spare: fc.integer({ min: 0, max: 20 }),
  /** Whose terms it goes by: mostly the first's. */
  by: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
  /** Given back, or taken whatever is there. */
  forced: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.integer({ min: -60, max: 60 }) },
  ),
  pauseMs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  ),
})
const step = fc.record({
  /** Mostly forward; now and then the clock is set. */
  moveUs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 2_000_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -3_600_000_000, max: 3_600_000_000 }) },
  ),
  limits: fc.array(asked, { minLength: 1, maxLength: 3 }),
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

  it('decides as an exact model does, whatever the limits, the rates, the bursts, the costs, the debts, the pauses and the clock', async () => {
    expect(onOwnClock).not.toContain("'TIME'")
    expect(onOwnClock).not.toContain("'PX'")
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(rate, fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 6 }),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (all, steps) => {
          const keys = ['k0', 'k1', 'k2']
          for (const key of keys) await client.del(key)
          const models = keys.map(() => new Model())
          let nowUs = 1_764_000_000_000_000
          for (const { moveUs, limits } of steps) {
            nowUs += moveUs
            const now = BigInt(nowUs) * 1_000_000n
            const requests = limits.map(({ most, spare, by, forced, pauseMs }) => {
              const [requestsPerSecond, burstSize] = all[by % all.length]!
              const unit = timeOfToken(requestsPerSecond)
              const full = timeOfTokens(burstSize, unit)
              return {
                most: forced ?? most,
                least: forced === undefined ? Math.max(0, most - spare) : -1,
                unit,
                full,
                pauseMs,
              }
            })
            const seconds = Math.floor(nowUs / 1e6)
            const time = [`${seconds}`, `${nowUs - seconds * 1e6}`]
            const values = [...requests.flatMap(gcraArguments), ...time]
            const answer = await client.eval(onOwnClock, limits.length, ...keys.slice(0, limits.length), ...values)
            const decided = requests.map(({ unit, full, pauseMs, ...request }, i) =>
              models[i]!.decide(now, {
                ...request,
                unit: picoseconds(unit),
                full: picoseconds(full),
                pause: BigInt(pauseMs) * 1_000_000_000n,
              }),
            )
            const isGranted = decided.every(({ isThere }) => isThere)
            expect(
              readGcraAnswers(answer, limits.length).map(({ granted, waitMs, left, pausedMs }) => ({
                granted,
                waitUs: waitMs === Infinity ? -1 : Math.round(waitMs * 1000),
                left,
                pausedUs: Math.round(pausedMs * 1000),
              })),
            ).toEqual(decided.map(({ settle }) => settle(isGranted)))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  describe('used by others', () => {
    const ask = async (nowUs: number, perSecond: number, burst: number, most = burst, least = 1): Promise<number> => {
      const unit = timeOfToken(perSecond)
      const values = gcraArguments({ most, least, unit, full: timeOfTokens(burst, unit), pauseMs: 0 })
      const seconds = Math.floor(nowUs / 1e6)
      const time = [`${1_764_000_000 + seconds}`, `${nowUs - seconds * 1e6}`]
      return readGcraAnswers(await client.eval(onOwnClock, 1, 'k', ...values, ...time), 1)[0]!.granted
    }

    it('holds the looser of two pairs of numbers', async () => {
      await client.del('k')
      let granted = 0
      for (let nowUs = 0; nowUs <= 1e6; nowUs += 1000)
        granted += (await ask(nowUs, 10, 100)) + (await ask(nowUs, 1000, 20))
      expect(granted).toBeLessThanOrEqual(1000 + 100)
    })

    it('lets what new numbers lack come back at their rate', async () => {
      await client.del('k')
      expect(await ask(0, 0.2, 1)).toBe(1)
      expect(await ask(5_000, 100, 1)).toBe(0)
      expect(await ask(20_000, 100, 1)).toBe(1)
    })
  })

  it('grants the whole burst at once, at rates whose tokens take no whole microseconds, too', async () => {
    for (const perSecond of [3, 7, 0.3, 999.999, 1e6 / 7]) {
      for (const burst of [1, 3, 7, 1000]) {
        await client.del('k')
        const unit = timeOfToken(perSecond)
        const request = { most: burst + 1, least: burst, unit, full: timeOfTokens(burst, unit), pauseMs: 0 }
        const answer = await client.eval(onOwnClock, 1, 'k', ...gcraArguments(request), '1764000000', '0')
        expect(readGcraAnswers(answer, 1)[0], `${perSecond} per second`).toMatchObject({ granted: burst, left: 0 })
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
        const { granted, waitMs, left } = readGcraAnswers(
          await client.eval(onOwnClock, 1, 'k', ...values, ...time),
          1,
        )[0]!
        const terms = { unit: picoseconds(unit), full: picoseconds(full), pause: 0n }
        const { isThere, settle } = model.decide(BigInt(nowUs) * 1_000_000n, { most: 1, least, ...terms })
        const expected = settle(isThere)
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
