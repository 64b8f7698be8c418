import { createRequire } from 'node:module'
import { KeyedWindow } from 'amorsize'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  readWindowAnswer,
  WINDOW_TEXT,
  type WindowAnswer,
  windowArguments,
  type WindowRequest,
} from '../../dist/redis/window-script.js'
import { hasServer, TestServer } from '../support/redis-server.js'

interface Client {
  eval(script: string, keys: number, ...rest: string[]): Promise<unknown>
  get(key: string): Promise<string | null>
  del(key: string): Promise<unknown>
  disconnect(): void
}

/** The script on a clock of the test's own: seconds and microseconds as two more arguments. */
const onOwnClock = WINDOW_TEXT.replace("redis.call('TIME')", '{ARGV[7], ARGV[8]}').replace(/, 'PX', .*?\)\)$/m, ')')
const START_MS = 1_764_000_000_000

const limit = fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constant(2 ** 20 - 1))
const lastingMs = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constant(2 ** 38 - 1))
const request: fc.Arbitrary<WindowRequest> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('hit' as const),
      hits: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.constantFrom(2, 7, 2 ** 20 - 1)),
      lastingMs,
      limit,
      extend: fc.constantFrom('never', 'refused', 'double'),
    }),
  },
  fc.record({ what: fc.constant('look' as const) }),
  fc.record({ what: fc.constant('unhit' as const), hits: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ what: fc.constant('block' as const), lastingMs }),
  fc.record({ what: fc.constant('reset' as const) }),
)
const step = fc.record({ moveMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 8000 })), request })

/** What a window in shared memory makes of the same. */
function locally(
  window: KeyedWindow,
  { what, hits = 1, lastingMs = 1, limit = 0, extend = 'never' }: WindowRequest,
): void {
  if (what === 'hit')
    window.hit('k', {
      windowMs: lastingMs,
      n: hits,
      max: limit === 2 ** 20 - 1 ? undefined : limit,
      extend: extend as 'never',
    })
  else if (what === 'unhit') window.unhit('k', hits)
  else if (what === 'block') window.block('k', lastingMs)
  else if (what === 'reset') window.reset('k')
}

describe.skipIf(!hasServer('redis'))('the script of windows (needs redis-server)', () => {
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

  async function at(nowUs: number, asked: WindowRequest): Promise<WindowAnswer> {
    const seconds = Math.floor(nowUs / 1e6)
    const time = [String(seconds), String(nowUs - seconds * 1e6)]
    return readWindowAnswer(await client.eval(onOwnClock, 1, 'k', ...windowArguments(asked), ...time))
  }

  it('counts, prolongs and blocks as a window in shared memory does', async () => {
    expect(onOwnClock).not.toContain("'TIME'")
    expect(onOwnClock).not.toContain("'PX'")
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await client.del('k')
        let nowMs = 0
        const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
        using window = new KeyedWindow({ capacity: 8, clock })
        for (const { moveMs, request } of steps) {
          nowMs += moveMs
          locally(window, request)
          await at((START_MS + nowMs) * 1000, request)
          const { count, resetMs, blocked } = await at((START_MS + nowMs) * 1000, { what: 'look' })
          const expected = window.look('k')
          expect({ count, refused: blocked }).toEqual({ count: expected.count, refused: expected.refused })
          // One in shared memory ends 8.7 years after the table was made at the latest.
          expect(Math.min(resetMs, 2 ** 38 - 1 - nowMs)).toBeCloseTo(expected.resetMs, 3)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('blocks a key by the hit that goes beyond, once, and counts anew after the block', async () => {
    await client.del('k')
    const hit: WindowRequest = { what: 'hit', lastingMs: 1000, limit: 2, extend: 'block', blockMs: 5000 }
    const seen: WindowAnswer[] = []
    for (const ms of [0, 1, 2, 3000, 5001, 5002]) seen.push(await at((START_MS + ms) * 1000, hit))
    expect(seen).toEqual([
      { count: 1, resetMs: 1000, blocked: false },
      { count: 2, resetMs: 999, blocked: false },
      { count: 3, resetMs: 5000, blocked: true },
      { count: 3, resetMs: 2002, blocked: true },
      { count: 3, resetMs: 1, blocked: true },
      { count: 1, resetMs: 1000, blocked: false },
    ])
  })

  it('lets no window last longer because the clock was set back', async () => {
    await client.del('k')
    const hit: WindowRequest = { what: 'hit', lastingMs: 1000, limit: 2 }
    await at((START_MS + 3_600_000) * 1000, hit)
    expect(await at(START_MS * 1000, { what: 'look' })).toEqual({ count: 1, resetMs: 1000, blocked: false })
    expect(await at(START_MS * 1000 + 5, hit)).toEqual({ count: 2, resetMs: 1000, blocked: false })
    expect(await at((START_MS + 1001) * 1000, hit)).toEqual({ count: 1, resetMs: 1000, blocked: false })
  })
})
