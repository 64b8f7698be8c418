// What a client is told where there are several limits, several limiters, or names that need care.
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connectLimit, type RateHeaders, webLimit, type WebLimitOptions } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const windowMs = 60_000
type Limits = WebLimitOptions['limits']
type Ask = (request: Request) => Promise<Response>

/** Limiters around each other, the innermost last; the innermost writes first. */
function around(headers: RateHeaders, ...limiters: Limits[]): Ask {
  const clock = new FakeClock()
  return limiters.reduceRight<Ask>(
    (inner, limits) => webLimit({ clock, headers, limits, key: () => 'all' }, inner),
    () => Promise.resolve(new Response('ok')),
  )
}

/** What the answer to the last of so many requests tells, without what is no header field of limits. */
async function told(ask: Ask, requests = 1): Promise<Record<string, string>> {
  for (let n = 1; n < requests; n++) await ask(new Request('http://example.org'))
  const { headers } = await ask(new Request('http://example.org'))
  const fields = Object.fromEntries(headers)
  return Object.fromEntries(Object.entries(fields).filter(([name]) => /^(x-)?ratelimit/.test(name)))
}

/** The limit that a format for one limit shows, by its quota. */
const shown: Record<Exclude<RateHeaders, 'draft-10'>, (fields: Record<string, string>) => string | undefined> = {
  'draft-7': ({ ratelimit }) => /limit=(\d+)/.exec(ratelimit ?? '')?.[1],
  'draft-6': (fields) => fields['ratelimit-limit'],
  legacy: (fields) => fields['x-ratelimit-limit'],
}

describe.each(['draft-7', 'draft-6', 'legacy'] as const)('a format for one limit: %s', (headers) => {
  const few = { max: 30, windowMs }
  const many = { max: 200, windowMs }

  it('shows the limit with the least left, wherever it stands', async () => {
    expect(shown[headers](await told(around(headers, { few, many })))).toBe('30')
    expect(shown[headers](await told(around(headers, { many, few })))).toBe('30')
  })

  it('shows the limit that refuses, though of another less is left', async () => {
    // Each request costs two of `wide`, so one of its five is left when it refuses the third; of `empty` nothing is, but it is free.
    const wide = { max: 5, windowMs, cost: 2 }
    const empty = { max: () => 0, windowMs, cost: 0 }
    expect(shown[headers](await told(around(headers, { wide, empty }), 3))).toBe('5')
    expect(shown[headers](await told(around(headers, { empty, wide }), 3))).toBe('5')
  })

  it('shows that of several limiters which is nearest to its end, whichever has written first', async () => {
    expect(shown[headers](await told(around(headers, { few }, { many })))).toBe('30')
    expect(shown[headers](await told(around(headers, { many }, { few })))).toBe('30')
    // 9 are fewer than 10, by number and not by text.
    expect(
      shown[headers](await told(around(headers, { a: { max: 11, windowMs } }, { b: { max: 10, windowMs } }))),
    ).toBe('10')
    expect(
      shown[headers](await told(around(headers, { a: { max: 10, windowMs } }, { b: { max: 11, windowMs } }))),
    ).toBe('10')
  })
})

it('draft-6 has the policy beside its three fields, the older ones have none', async () => {
  const limits = { a: { max: 3, windowMs } }
  expect(await told(around('draft-6', limits))).toEqual({
    'ratelimit-policy': '3;w=60',
    'ratelimit-limit': '3',
    'ratelimit-remaining': '2',
    'ratelimit-reset': '60',
  })
  expect(Object.keys(await told(around('legacy', limits))).sort()).toEqual([
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-reset',
  ])
})

describe('draft 10', () => {
  it('has names as strings of structured fields', async () => {
    const limits = { 'say "no"': { max: 2, windowMs }, 'C:\\x': { max: 9, windowMs } }
    expect(await told(around('draft-10', limits))).toEqual({
      'ratelimit-policy': String.raw`"say \"no\"";q=2;w=60, "C:\\x";q=9;w=60`,
      ratelimit: String.raw`"say \"no\"";r=1;t=60, "C:\\x";r=8;t=60`,
    })
  })

  it('has the terms of each request where they come with it', async () => {
    let max = 7
    const ask = around('draft-10', { plan: { max: () => max, windowMs }, all: { max: 50, windowMs } })
    expect((await told(ask))['ratelimit-policy']).toBe('"plan";q=7;w=60, "all";q=50;w=60')
    max = 8
    expect((await told(ask))['ratelimit-policy']).toBe('"plan";q=8;w=60, "all";q=50;w=60')
  })

  it('tells a banned client of the limits that ban it alone', async () => {
    const ask = around('draft-10', { all: { max: 50, windowMs }, login: { max: 1, windowMs, banAfter: 1 } })
    expect(await told(ask, 3)).toEqual({ 'ratelimit-policy': '"login";q=1;w=60', ratelimit: '"login";r=0;t=60' })
  })

  it('goes behind what the program has set, be it a text, a list, a number or nothing', async () => {
    const limit = connectLimit({ limits: { a: { max: 9, windowMs } } })
    const before = ['"own";r=1', ['"own";r=1', '"more";r=2'], 3, '']
    const server = createServer((request, response) => {
      response.setHeader('RateLimit', before[Number(request.url?.slice(1))] as string)
      limit(request, response, () => response.end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const fields: (string | null)[] = []
    for (const n of before.keys()) fields.push((await fetch(`${origin}/${n}`)).headers.get('ratelimit'))
    server.closeAllConnections()
    server.close()
    expect(fields).toEqual([
      '"own";r=1, "a";r=8;t=60',
      '"own";r=1, "more";r=2, "a";r=7;t=60',
      '3, "a";r=6;t=60',
      '"a";r=5;t=60',
    ])
  })
})

it('Retry-After is never before the t of a limit that refuses, and a request that comes then passes', async () => {
  const bucket = fc.record({
    requestsPerSecond: fc.constantFrom(0.3, 1, 7.7),
    burstSize: fc.integer({ min: 1, max: 4 }),
  })
  const window = fc.record({ max: fc.integer({ min: 1, max: 4 }), windowMs: fc.constantFrom(900, 1000, 2500, 60_000) })
  // Whole ms: a window ends at one, so a request that comes within the first of it is told up to a ms too little.
  const steps = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 15, maxLength: 15 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(bucket, window), { minLength: 1, maxLength: 3 }),
      steps,
      async (several, waits) => {
        const clock = new FakeClock()
        const limits = Object.fromEntries(several.map((limit, n) => [`l${n}`, limit]))
        const ask = webLimit({ clock, limits, key: () => 'all' }, () => new Response('ok'))
        for (const waitMs of waits) {
          const { status, headers } = await ask(new Request('http://example.org'))
          const seconds = Number(headers.get('retry-after'))
          await clock.advance(status === 429 ? seconds * 1000 : waitMs)
          if (status !== 429) continue
          const refusing = [...headers.get('ratelimit')!.matchAll(/r=0;t=(\d+)/g)].map(([, t]) => Number(t))
          expect(seconds).toBe(Math.max(...refusing))
          expect((await ask(new Request('http://example.org'))).status).toBe(200)
        }
      },
    ),
    { numRuns: 40 },
  )
})
