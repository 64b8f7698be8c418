import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { retryAfterMsOf } from '../../../dist/policy/retry/retry-after.js'

describe('how long an outcome asks callers to stay away', () => {
  it.each<[string, unknown]>([
    ['a word', 'later'],
    ['null', null],
    ['nothing', undefined],
    ['a function with the property', Object.assign(() => undefined, { retryAfterMs: 5 })],
    ['an object without one', {}],
    ['a negative number', { retryAfterMs: -1 }],
    ['a number as text', { retryAfterMs: '5' }],
    ['headers that are none', { headers: null, response: null }],
    ['headers that are text', { headers: 'retry-after: 5' }],
    ['a word in the header', { headers: { 'retry-after': 'soon' } }],
    ['a number with something before it', { headers: { 'retry-after': 'x5' } }],
    ['a number with something behind it', { headers: { 'retry-after': '5x' } }],
    ['a header that is neither text nor number', { headers: { 'retry-after': true } }],
    [
      'a getter that throws',
      Object.defineProperty({}, 'retryAfterMs', {
        get: () => {
          throw new Error('no')
        },
      }),
    ],
  ])('is nothing for %s', (_, outcome) => {
    expect(retryAfterMsOf(outcome)).toBeNull()
  })

  it.each<[string, unknown, number]>([
    ['its own number', { retryAfterMs: 250 }, 250],
    ['none', { retryAfterMs: 0 }, 0],
    ['for ever', { retryAfterMs: Infinity }, Infinity],
    ['its own seconds', { retryAfter: 2 }, 2000],
    ['seconds as text', { retryAfter: '12' }, 12_000],
    ['parts of a second', { retryAfter: '12.25' }, 12_250],
    ['seconds with room around them', { headers: { 'retry-after': ' 3 ' } }, 3000],
    ['the first of several', { headers: { 'retry-after': ['4', '9'] } }, 4000],
    ['a header with capitals', { headers: { 'Retry-After': 5 } }, 5000],
    ['headers of fetch', { headers: new Headers({ 'retry-after': '6' }) }, 6000],
    ['milliseconds before seconds', { headers: { 'retry-after-ms': '70', 'retry-after': '6' } }, 70],
    ['no milliseconds at all', { headers: { 'retry-after-ms': '0', 'retry-after': '6' } }, 0],
    ['headers of its response', { response: { headers: { 'retry-after': '7' } } }, 7000],
    ['headers of the AWS clients', { $response: { headers: { 'retry-after': '8' } } }, 8000],
    [
      'that of a response beside headers that are none',
      { headers: null, response: { headers: { 'retry-after': '7' } } },
      7000,
    ],
    [
      'that of a response beside headers that are text',
      { headers: '5', response: { headers: { 'retry-after': '7' } } },
      7000,
    ],
    [
      'that of a response beside headers without one',
      { headers: {}, response: { headers: { 'retry-after': '7' } } },
      7000,
    ],
    ['its own before its headers', { retryAfterMs: 1, headers: { 'retry-after': '8' } }, 1],
    ['its headers before its own seconds', { retryAfter: 1, headers: { 'retry-after': '8' } }, 8000],
  ])('is %s', (_, outcome, ms) => {
    expect(retryAfterMsOf(outcome)).toBe(ms)
  })

  it('is the time to a date, by the clock that wrote it', () => {
    const headers = { date: 'Tue, 01 Jan 2030 00:00:00 GMT', 'retry-after': 'Tue, 01 Jan 2030 00:00:30 GMT' }
    expect(retryAfterMsOf({ headers })).toBe(30_000)
    expect(retryAfterMsOf({ headers: { ...headers, 'retry-after': 'Mon, 31 Dec 2029 00:00:00 GMT' } })).toBe(0)
  })

  it('is the time to a date by this machine’s clock, where nobody says when it was written', () => {
    const asked = retryAfterMsOf({ headers: { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() } })
    expect(asked).toBeGreaterThan(3_500_000)
    expect(asked).toBeLessThanOrEqual(3_600_000)
  })

  it('is the time to a date that names no zone as to one of GMT, wherever this machine is', () => {
    const module = new URL('../../../dist/policy/retry/retry-after.js', import.meta.url).href
    const program = `import { retryAfterMsOf } from ${JSON.stringify(module)}
      const headers = { date: 'Tue, 01 Jan 2030 00:00:00 GMT', 'retry-after': 'Tue Jan  1 00:00:30 2030' }
      console.log(retryAfterMsOf({ headers }))`
    const env = { ...process.env, TZ: 'Asia/Tokyo' }
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' })).toBe(
      '30000\n',
    )
  })
})
