import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { cut } from '../../../dist/cli/text/screen.js'
import { printable, stylesFor } from '../../../dist/cli/text/terminal.js'
import { type TopState, afterKeys, footer } from '../../../dist/cli/top/keys.js'
import { Sampler, arrange } from '../../../dist/cli/top/model.js'
import type { TopRow } from '../../../dist/cli/top/state.js'
import { topLines } from '../../../dist/cli/top/table.js'
import { holds, isNamed, shownName } from '../../../dist/cli/text/shown-name.js'
import { textWidth } from '../../../dist/cli/text/text-width.js'

const row = (name: string | null, more: Partial<TopRow> = {}): TopRow => ({
  name,
  kind: 'limiter',
  state: 'ready',
  processes: [],
  requestsPerSecond: 10,
  burstSize: 5,
  tokens: 5,
  debt: 0,
  waiting: 0,
  retryAfterMs: 0,
  pausedMs: null,
  allowed: 0,
  denied: 0,
  keys: null,
  keyCapacity: null,
  evicted: null,
  breaker: null,
  permits: null,
  maxConcurrent: null,
  bytes: 4480,
  file: `/memory/${name ?? 'unknown'}`,
  allowedPerSecond: null,
  deniedPerSecond: null,
  evictedPerSecond: null,
  ...more,
})

describe('the sampler', () => {
  it('tells rates from counts over two seconds, once it has looked twice', () => {
    let nowMs = 0
    let allowed = 100
    const sampler = new Sampler(
      () => [row('a', { allowed, denied: 2 * allowed })],
      () => nowMs,
    )
    const look = (): (number | null)[] => sampler.sample().flatMap((r) => [r.allowedPerSecond, r.deniedPerSecond])
    expect(look()).toEqual([null, null])
    nowMs = 1000
    allowed = 150
    expect(look()).toEqual([50, 100])
    for (let i = 0; i < 5; i++) {
      nowMs += 1000
      allowed += 10
      look()
    }
    nowMs += 1000
    allowed += 10
    expect(look()).toEqual([10, 20])
  })

  it('tells how many keys a keyed limiter pushes out', () => {
    let nowMs = 0
    let evicted = 0
    const sampler = new Sampler(
      () => [row('a', { allowed: 7, denied: 0, evicted })],
      () => nowMs,
    )
    sampler.sample()
    nowMs = 500
    evicted = 20
    expect(sampler.sample()).toMatchObject([{ allowedPerSecond: 0, evictedPerSecond: 40 }])
  })

  it('starts again when a name was made again', () => {
    let nowMs = 0
    let allowed = 100
    const sampler = new Sampler(
      () => [row('a', { allowed })],
      () => nowMs,
    )
    sampler.sample()
    nowMs = 1000
    allowed = 7
    expect(sampler.sample()[0]!.allowedPerSecond).toBeNull()
    nowMs = 2000
    allowed = 9
    expect(sampler.sample()[0]!.allowedPerSecond).toBe(2)
  })

  it('tells no rate of what is not counted', () => {
    const sampler = new Sampler(() => [row('a', { allowed: null, denied: null })])
    sampler.sample()
    expect(sampler.sample()[0]).toMatchObject({ allowedPerSecond: null, deniedPerSecond: null })
  })
})

describe('the arrangement', () => {
  const rows = [
    row('beta', { tokens: 1 }),
    row('Alpha', { tokens: 9 }),
    row(null, { tokens: null, file: '/memory/z' }),
    row('gamma', { tokens: 5 }),
  ]
  const names = (sorted: TopRow[]): (string | null)[] => sorted.map((r) => r.name)

  it('sorts words from A and numbers from the largest, what is unknown last', () => {
    expect(names(arrange(rows, { sort: 'name', reverse: false, filter: '' }))).toEqual(['Alpha', 'beta', 'gamma', null])
    expect(names(arrange(rows, { sort: 'tokens', reverse: false, filter: '' }))).toEqual([
      'Alpha',
      'gamma',
      'beta',
      null,
    ])
    expect(names(arrange(rows, { sort: 'tokens', reverse: true, filter: '' }))).toEqual([
      'beta',
      'gamma',
      'Alpha',
      null,
    ])
  })

  it('keeps the order of names among equals', () => {
    expect(names(arrange(rows, { sort: 'rate', reverse: false, filter: '' }))).toEqual(['Alpha', 'beta', 'gamma', null])
  })

  it('puts what lets nothing through first, then what refuses some calls or makes them wait', () => {
    const states: Record<string, Partial<TopRow>> = {
      closed: { breaker: 'closed' },
      empty: { tokens: 0, retryAfterMs: 290 },
      evicts: { evictedPerSecond: 2 },
      full: { permits: 8, maxConcurrent: 8 },
      halfOpen: { breaker: 'half-open' },
      isolated: { breaker: 'isolated' },
      open: { breaker: 'open' },
      paused: { pausedMs: 5 },
      refuses: { deniedPerSecond: 0.5 },
      roomy: { permits: 7, maxConcurrent: 8 },
      unusable: { state: 'other-version' },
    }
    const mixed = Object.entries(states).map(([name, more]) => row(name, more))
    expect(names(arrange(mixed, { sort: 'worst', reverse: false, filter: '' }))).toEqual(
      ['isolated', 'open', 'unusable'].concat(
        ['empty', 'evicts', 'full', 'halfOpen', 'paused', 'refuses'],
        ['closed', 'roomy'],
      ),
    )
  })

  it('filters by a part of the name in any case', () => {
    expect(names(arrange(rows, { sort: 'name', reverse: false, filter: 'ALPH' }))).toEqual(['Alpha'])
  })
})

describe('the keys', () => {
  const start: TopState = {
    sort: 'name',
    reverse: false,
    filter: '',
    typing: false,
    offset: 0,
    paused: false,
    ended: false,
  }

  it.each([
    ['q', { ended: true }],
    ['\u0003', { ended: true }],
    ['s', { sort: 'kind' }],
    ['ssssssssss', { sort: 'worst' }],
    ['sssssssssss', { sort: 'name' }],
    ['r', { reverse: true }],
    ['p', { paused: true }],
    ['pp', { paused: false }],
    ['\u001b[B\u001b[B\u001b[A', { offset: 1 }],
    ['\u001b[A', { offset: 0 }],
    ['\u001b[6~', { offset: 10 }],
    ['/git', { filter: 'git', typing: true }],
    ['/git\r', { filter: 'git', typing: false }],
    ['/gitq\u007f\r', { filter: 'git', ended: false }],
    ['/ключ🚦\u007f\r', { filter: 'ключ' }],
    ['/git\u001b', { filter: '', typing: false }],
    ['/git\r\u001b', { filter: '' }],
    ['/\u001b[B', { filter: '', typing: true }],
    ['/a\u0003', { ended: true, filter: 'a', typing: true }],
    ['x', {}],
  ])('%j', (keys, change) => {
    expect(afterKeys(start, keys)).toMatchObject({ ...start, ...change })
  })

  it('are explained at the foot', () => {
    expect(footer(start)).toContain('q quit')
    expect(footer({ ...start, filter: 'demo' }, 50)).toBe("q quit  s sort (name)  / filter ('demo')  p pause")
    expect(footer(start, 40)).toBe('q quit  s sort (name)  / filter  p pause')
    expect(footer(start, 4)).toBe('q quit')
    expect(footer({ ...start, typing: true, filter: 'git' })).toContain('filter: git_')
  })
})

describe('names', () => {
  it.each([
    ['api', 'api'],
    ['api%limit%perAddress', 'api · perAddress'],
    ['api %2flogin%limit%burst', 'api /login · burst'],
    ['api%shed', 'api · shed'],
    ['api%breaker http:%2f%2fhost', 'api · breaker http://host'],
    ['50%25 of all%limit%a', '50% of all · a'],
  ])('%s are shown as %s', (name, shown) => {
    expect(shownName(name)).toBe(shown)
    const isFound = (asked: string): boolean => isNamed(name, asked) && holds(name, asked.toUpperCase())
    expect([name, shown, shown.split(' · ')[0]!].map(isFound)).toEqual([true, true, true])
    expect([isNamed(name, 'ap'), isNamed(name, 'perAddress'), holds(name, 'none')]).toEqual([false, false, false])
  })
})

describe('the picture', () => {
  const plain = stylesFor(new PassThrough())

  it('has a line a name, aligned, with dashes for what is not known', () => {
    const lines = topLines(
      [
        row('a', { processes: [7, 8], allowedPerSecond: 1234.5, tokens: 0.25, waiting: 3, retryAfterMs: 450 }),
        row('b', { state: 'other-version', requestsPerSecond: null }),
      ],
      plain,
    )
    expect(lines).toHaveLength(3)
    expect(lines[1]).toMatch(/^a +limiter +2 +10 +0 +3 +1,235 +- +0\.250 of 5, waits 450 ms +7 8$/)
    expect(lines[2]).toMatch(/^b +limiter +0 +- .* other-version$/)
  })

  it('colours what lets nothing through, and what refuses or waits', () => {
    const colours = {
      bold: String,
      dim: String,
      red: (text: string) => `r${text}`,
      yellow: (text: string) => `y${text}`,
    }
    const rows = [row('a', { breaker: 'open' }), row('b', { tokens: 0, retryAfterMs: 290, burstSize: 10 }), row('c')]
    const lines = topLines(rows, colours, 40)
    expect(lines.slice(1).map((line) => line.slice(0, 2))).toEqual(['ra', 'yb', 'c '])
    expect(lines[2]).toContain('0 of 10, waits 290 ms')
  })

  it('tells pauses, breakers and permits', () => {
    const state = (more: Partial<TopRow>): string => topLines([row('a', more)], plain)[1]!
    expect(state({ pausedMs: 1500 })).toContain('paused 1.5 s')
    expect(state({ breaker: 'half-open', permits: 3, maxConcurrent: 8 })).toContain('half-open, 3 of 8 permits')
    expect(state({ keys: 1234, keyCapacity: 10_000 })).toContain('1,234 of 10,000 keys')
  })

  it('obeys nothing that a name says', () => {
    expect(printable('a\u001b[31mb\r\n\u202e')).toBe('a\uFFFD[31mb\uFFFD\uFFFD\uFFFD')
    expect(topLines([row('\u001b[2Jx')], plain)[1]).not.toContain('\u001b')
    expect(topLines([row('x'.repeat(41))], plain)[1]).toMatch(/^x{39}… /)
  })

  it('lets columns give way where there is no room, those of least use first', () => {
    const rows = [
      row('cluster-example', { processes: [21657, 21696], allowedPerSecond: 987, deniedPerSecond: 3 }),
      row('データベースの接続', { kind: 'bulkhead', tokens: null, permits: 3, maxConcurrent: 8 }),
    ]
    const titles = (width?: number): string[] => topLines(rows, plain, width)[0]!.split(/ {2,}/)
    expect(titles()).toHaveLength(10)
    expect(titles(100)).not.toContain('PIDS')
    expect(titles(80)).toEqual(['NAME', 'RATE/S', 'DEBT', 'WAITING', 'ALLOWED/S', 'DENIED/S', 'STATE'])
    expect(titles(60)).toEqual(['NAME', 'ALLOWED/S', 'DENIED/S', 'STATE'])
    for (const width of [60, 80, 100, 120])
      for (const line of topLines(rows, plain, width)) expect(textWidth(line)).toBeLessThanOrEqual(width)
    // What is two columns wide stands above and below what is one.
    const [heading, , wide] = topLines(rows, plain, 60)
    expect(textWidth(wide!.slice(0, wide!.indexOf('3 of 8')))).toBe(heading!.indexOf('STATE'))
  })

  it('shortens names when there is hardly room for anything', () => {
    const lines = topLines([row('a-name-of-forty-columns-and-not-one-less', { pausedMs: 3000 })], plain, 30)
    expect(lines[0]).toMatch(/^NAME +STATE$/)
    expect(lines[1]).toBe('a-name-of-forty-c…  paused 3 s')
    expect(topLines([row('a-name-of-forty-columns-and-not-one-less')], plain, 5)[1]).toMatch(/^a-name-of-f…/)
  })

  it('is cut to the width of the terminal, styles kept', () => {
    expect(cut('\u001b[1mabcdef\u001b[22m', 3)).toBe('\u001b[1mabc\u001b[22m')
    expect(cut('🚦🚦🚦', 5)).toBe('🚦🚦')
  })
})
