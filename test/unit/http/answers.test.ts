import fc from 'fast-check'
import { expect, it } from 'vitest'
import { modelFetch, policyFetch, policyInterceptor } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { exhaustedMs, resetMs } from '../../../dist/http/client/answer-limits.js'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const told = (headers: Record<string, string>) => exhaustedMs(new Headers(headers), NOW)

it.each([
  ['draft 10', { ratelimit: '"burst";r=0;t=30, "daily";r=5;t=600' }, 30_000],
  ['the longest of those that are used up', { ratelimit: '"burst";r=0;t=30,"daily";r=0;t=600' }, 600_000],
  ['names that look like fields', { ratelimit: '"a, \\";r=0;t=9";r=5;t=3' }, 0],
  ['names that look like draft 7', { ratelimit: '"a, remaining=0, reset=9";r=5;t=3' }, 0],
  ['a name without an end', { ratelimit: '"a";r=0;t=7, "b, c;r=0;t=9' }, 7000],
  ['a name that ends with a backslash', { ratelimit: '"a";r=0;t=7, "b;r=0;t=9\\' }, 7000],
  ['names that hold quotes', { ratelimit: '"\\"\\\\";r=0;t=7, "\\\\\\"";r=0;t=9' }, 9000],
  ['no more than 1,024 characters', { ratelimit: `"a";r=0;t=7, "b";r=0;t=${'0'.repeat(1001)}99` }, 7000],
  ['none behind 1,024 characters', { ratelimit: `"${'\\"'.repeat(7400)}", "a";r=0;t=9` }, 0],
  ['draft 7', { ratelimit: 'limit=5, remaining=0, reset=60' }, 60_000],
  ['draft 6', { 'ratelimit-remaining': '0', 'ratelimit-reset': '12' }, 12_000],
  ['X-RateLimit', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1.5' }, 1500],
  ['seconds since 1970', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 20) }, 20_000],
  ['ms since 1970', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW + 20_000) }, 20_000],
  ['a reset that is over', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 - 20) }, 0],
  [
    'OpenAI',
    { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s', 'x-ratelimit-remaining-requests': '5' },
    360_000,
  ],
  ['OpenAI, ms', { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '120ms' }, 120],
  [
    'Anthropic',
    {
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': '2026-01-01T00:00:07Z',
    },
    7000,
  ],
  ['something left', { ratelimit: '"burst";r=1;t=30', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '9' }, 0],
  ['an old answer of a cache', { age: '5', ratelimit: '"burst";r=0;t=30' }, 0],
  ['more than an hour', { ratelimit: '"daily";r=0;t=86400' }, 3_600_000],
  ['a part of a token left', { ratelimit: '"burst";r=0.5;t=30' }, 0],
  ['nothing', {}, 0],
])('reads %s', (_, headers, ms) => {
  expect(told(headers as Record<string, string>)).toBe(ms)
})

it('reads durations as they are written', () => {
  const part = fc.integer({ min: 0, max: 59 })
  fc.assert(
    fc.property(part, part, part, fc.integer({ min: 0, max: 999 }), (h, m, s, ms) => {
      expect(resetMs(`${h}h${m}m${s}s${ms}ms`, NOW)).toBe(((h * 60 + m) * 60 + s) * 1000 + ms)
      expect(resetMs(`${m}m${s}.5s`, NOW)).toBe((m * 60 + s) * 1000 + 500)
      expect(resetMs(String(s), NOW)).toBe(s * 1000)
    }),
  )
})

const hostile = { ratelimit: `"${'\\"'.repeat(7400)}", "a";r=0;t=9`, 'retry-after': `${'0'.repeat(1024)}9` }

it.each<[string, (clock: FakeClock, sent: () => void) => () => unknown]>([
  [
    'policyFetch',
    (clock, sent) => {
      const fetch = policyFetch({ clock, fetch: answering(sent) })
      return () => fetch('http://a.example/')
    },
  ],
  [
    'modelFetch',
    (clock, sent) => {
      const fetch = modelFetch({ rpm: 6e6, tpm: 6e6, clock, fetch: answering(sent) })
      return () => fetch('http://a.example/')
    },
  ],
  [
    'policyInterceptor',
    (clock, sent) => {
      const dispatch = policyInterceptor({ clock })((
        _: unknown,
        handler: { onResponseStart(...args: unknown[]): void },
      ) => {
        sent()
        handler.onResponseStart(null, 429, hostile)
        return true
      })
      return () =>
        dispatch(
          { origin: 'http://a.example', path: '/', method: 'GET' },
          { onRequestStart() {}, onResponseStart() {} },
        )
    },
  ],
])('reads no more than 1,024 characters of a field in %s', async (_, make) => {
  let count = 0
  const send = make(new FakeClock(), () => count++)
  for (let n = 0; n < 3; n++) await send()
  expect(count).toBe(3)
})

function answering(sent: () => void) {
  return async () => {
    sent()
    return new Response('', { status: 429, headers: hostile })
  }
}

it('makes of garbage a number from 0 to an hour, and throws for none', () => {
  const names = [
    'ratelimit',
    'age',
    'ratelimit-remaining',
    'ratelimit-reset',
    'x-ratelimit-reset-tokens',
    'x-ratelimit-remaining-tokens',
    'anthropic-ratelimit-tokens-reset',
  ]
  const fragments = fc.constantFrom(
    '0',
    'r=0',
    ';t=',
    '"',
    '\\',
    ',',
    '-1',
    '1e999',
    '2026-01-01T',
    'NaN',
    '9'.repeat(30),
    '\\"'.repeat(600),
    'remaining=0',
    'reset=',
  )
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.array(fragments, { maxLength: 8 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text), (fields) => {
      const ms = exhaustedMs({ get: (name) => fields[name] }, NOW)
      expect(ms >= 0 && ms <= 3_600_000).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
