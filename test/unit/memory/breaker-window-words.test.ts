// What the twin of a breaker's windows writes and tells, to the bit, as test/native/breaker_window_test.cc has it of the addon.
import { describe, expect, it } from 'vitest'
import { lowBits, TwinBreakerWindow } from '../../../dist/memory/breaker/window.js'
import { BREAKER } from '../../../dist/memory/shared/layout.js'

const START = 5_000_000_000n
const MS = 1_000_000n
const MINUTE = 60_000n * MS
/** Its tags are 5, but for that of a ring, which has more bits. */
const GENERATION = (1n << BigInt(BREAKER.streakTagBits)) + 5n
const FIRST = 120

const parameters = (mode: number, size: number, failureRate: number, slowRate: number, minimumCalls: number) =>
  Float64Array.of(mode, size, failureRate, slowRate, 5, minimumCalls, 1, 100, 1, 100, 50, 1)
const inARow = (failures: number) => parameters(0, failures, 1, Infinity, 1)
const ofCalls = (calls: number, failureRate: number, slowRate: number, minimum: number) =>
  parameters(1, calls, failureRate, slowRate, minimum)
const ofMs = (ms: number, failureRate: number, slowRate: number, minimum: number) =>
  parameters(2, ms, failureRate, slowRate, minimum)

/** A window in memory of its own, in which `GENERATION` has just begun. */
function windowOf(by: Float64Array) {
  const words = new BigInt64Array(new SharedArrayBuffer(8192))
  words[BREAKER.epochNs] = START
  const begin = (generation: bigint): void => {
    words[BREAKER.control] = generation << BigInt(BREAKER.generationShift)
  }
  begin(GENERATION)
  const window = new TwinBreakerWindow(words, by)
  const record = (failed: boolean, sinceMs: number | bigint, slow: boolean): boolean =>
    window.record(GENERATION, failed, slow, START + (typeof sinceMs === 'bigint' ? sinceMs : BigInt(sinceMs) * MS))
  return {
    words,
    window,
    begin,
    own: (index: number) => words[FIRST + index],
    /** At a time since the epoch: ms, or ns where it is a bigint. */
    succeed: (since: number | bigint = 0, slow = false) => record(false, since, slow),
    fail: (since: number | bigint = 0, slow = false) => record(true, since, slow),
    isOver: (sinceMs = 0, generation = GENERATION) => window.isOver(generation, START + BigInt(sinceMs) * MS),
  }
}

const shifted = (value: bigint, bits: number): bigint => value << BigInt(bits)
const streakOf = (minute: bigint, count: bigint): bigint =>
  shifted(5n, BREAKER.streakTagShift) | shifted(minute, BREAKER.streakCountBits) | count
const cursorOf = (minute: bigint, next: bigint, filled: bigint): bigint =>
  shifted(5n, BREAKER.cursorTagShift) |
  shifted(minute, BREAKER.cursorMinuteShift) |
  shifted(next, BREAKER.indexShift) |
  filled
const ringOf = (calls: bigint, generation = GENERATION): bigint => shifted(generation, BREAKER.ringTagShift) | calls
const sliceOf = (number: bigint, count: bigint): bigint =>
  shifted(5n, BREAKER.sliceTagShift) | shifted(number, BREAKER.sliceCountBits) | count
const ROUND = 1n << BigInt(BREAKER.sliceTagShift - BREAKER.sliceCountBits)

describe('failures in a row', () => {
  it('are counted with their generation and minute, until a call succeeds', () => {
    const { words, window, fail, succeed, isOver } = windowOf(inARow(3))
    const streak = () => words[BREAKER.streak]
    expect([window.successIsFree(GENERATION), succeed(), streak()]).toEqual([true, false, 0n])
    expect([fail(), streak(), window.successIsFree(GENERATION)]).toEqual([false, streakOf(0n, 1n), false])
    expect(window.successIsFree(GENERATION + 1n)).toBe(true)
    expect([fail(2n * MINUTE - 1n), streak(), isOver()]).toEqual([false, streakOf(1n, 2n), false])
    expect([fail(2n * MINUTE), streak(), isOver()]).toEqual([true, streakOf(2n, 3n), true])
    expect([isOver(0, GENERATION + 1n), fail(2n * MINUTE), succeed(3n * MINUTE)]).toEqual([false, true, false])
    expect(streak()).toBe(streakOf(0n, 0n))
    expect([fail(-MINUTE), streak()]).toEqual([false, streakOf(0n, 1n)])
  })

  it('count no further than their word', () => {
    const { words, fail } = windowOf(inARow(1_000_000))
    words[BREAKER.streak] = streakOf(0n, 999_998n)
    expect([fail(), fail()]).toEqual([false, true])
    const most = streakOf(0n, lowBits(BREAKER.streakCountBits))
    words[BREAKER.streak] = most
    expect([fail(), words[BREAKER.streak]]).toEqual([true, most])
  })

  it('are the only calls of which a success may cost nothing', () => {
    expect(windowOf(ofCalls(10, 0.5, Infinity, 1)).window.successIsFree(GENERATION)).toBe(false)
    expect(windowOf(ofMs(1000, 0.5, Infinity, 1)).window.successIsFree(GENERATION)).toBe(false)
  })
})

describe('what came before', () => {
  const half = 1n << BigInt(BREAKER.minuteBits - 1)
  it.each([
    [0n, 0n, false],
    [0n, 59n, false],
    [0n, 60n, true],
    [7n, 66n, false],
    [7n, 67n, true],
    [7n, 6n, false],
    [0n, half - 1n, true],
    [0n, half, false],
    [2n * half - 1n, 2n * half + 58n, false],
    [9n, half + 8n, true],
    [9n, half + 9n, false],
    [2n * half - 1n, 2n * half + 59n, true],
  ])('an hour of silence is forgotten, but not before half of what minutes can tell: %d, %d', (from, to, isIdle) => {
    const streak = windowOf(inARow(2))
    expect([streak.fail(from * MINUTE), streak.fail(to * MINUTE)]).toEqual([false, !isIdle])
    const count = isIdle ? 1n : 2n
    expect(streak.words[BREAKER.streak]).toBe(streakOf(to & lowBits(BREAKER.minuteBits), count))
    const calls = windowOf(ofCalls(20, 0.5, Infinity, 2))
    expect([calls.fail(from * MINUTE), calls.fail(to * MINUTE)]).toEqual([false, !isIdle])
    expect(calls.own(0)! & lowBits(BREAKER.indexShift)).toBe(count)
  })

  it.each([false, true])('in places of a ring that are old does not count; in a new generation: %s', (isNew) => {
    const { window, begin, own, fail } = windowOf(ofCalls(40, 0.5, Infinity, 1))
    for (let call = 0; call < 40; call++) fail()
    const generation = GENERATION + (isNew ? 1n : 0n)
    const now = START + (isNew ? 0n : 60n * MINUTE)
    const isOver = () => window.isOver(generation, now)
    const succeeds = (calls: number): void => {
      for (let call = 0; call < calls; call++) expect(window.record(generation, false, false, now)).toBe(false)
    }
    begin(generation)
    if (isNew) expect(isOver()).toBe(false)
    succeeds(1)
    expect(isOver()).toBe(false)
    expect(own(0)! & lowBits(BREAKER.cursorMinuteShift)).toBe(shifted(1n, BREAKER.indexShift) | 1n)
    expect(own(1)).toBe(isNew ? ringOf(0n, generation) : ringOf(0x5555_5554n))
    for (const calls of [16, 16]) {
      succeeds(calls)
      // Of the next word only the first place is in use.
      expect(isOver()).toBe(false)
    }
  })
})

it('others may be counted by from then on', () => {
  const { window, fail } = windowOf(inARow(2))
  expect(fail()).toBe(false)
  const stricter = inARow(1)
  window.take(stricter)
  expect(window.parameters).toBe(stricter)
  expect(fail()).toBe(true)
})

it.each<[string, Float64Array]>([
  ['failures in a row', inARow(1)],
  ['the last calls', ofCalls(10, 0.1, 0.1, 1)],
  ['calls of the last milliseconds', ofMs(1000, 0.1, 0.1, 1)],
])('nothing is written for a generation that is over, and nothing opens: %s', (_, by) => {
  const { words, begin, fail, succeed } = windowOf(by)
  begin(GENERATION + 1n)
  expect([fail(0, true), succeed(0, true), words[BREAKER.streak]]).toEqual([false, false, 0n])
  expect(words.subarray(FIRST).every((word) => word === 0n)).toBe(true)
})

describe('the last calls', () => {
  it('are kept in a ring, two bits each', () => {
    const { own, fail, succeed } = windowOf(ofCalls(20, 0.5, 0.5, 20))
    succeed()
    expect([own(0), own(1)]).toEqual([cursorOf(0n, 1n, 1n), ringOf(0n)])
    fail(MINUTE)
    expect([own(0), own(1)]).toEqual([cursorOf(1n, 2n, 2n), ringOf(1n << 2n)])
    succeed(0, true)
    fail(0, true)
    expect(own(1)).toBe(ringOf((1n << 2n) | (2n << 4n) | (3n << 6n)))
    for (let call = 4; call < 16; call++) succeed()
    expect(own(2)).toBe(0n)
    for (let call = 16; call < 19; call++) expect(fail()).toBe(false)
    expect(own(0)).toBe(cursorOf(0n, 19n, 19n))
    succeed()
    expect([own(0), own(2)]).toEqual([cursorOf(0n, 0n, 20n), ringOf(1n | (1n << 2n) | (1n << 4n))])
    // What comes next takes the place of the oldest.
    fail()
    expect([own(0), own(1)]).toEqual([cursorOf(0n, 1n, 20n), ringOf(1n | (1n << 2n) | (2n << 4n) | (3n << 6n))])
    succeed()
    expect([own(1), own(3)]).toEqual([ringOf(1n | (2n << 4n) | (3n << 6n)), 0n])
  })

  it.each([false, true])('open it at a share of at least so many, by slow ones: %s', (bySlow) => {
    const { fail, succeed, isOver } = windowOf(bySlow ? ofCalls(20, Infinity, 0.25, 8) : ofCalls(20, 0.25, Infinity, 8))
    const bad = () => (bySlow ? succeed(0, true) : fail())
    const good = (calls: number) => Array.from({ length: calls }, () => succeed())
    expect([bad(), ...good(5), bad(), isOver()]).not.toContain(true)
    // A success that makes the calls enough.
    expect([succeed(), isOver(), isOver(0, GENERATION + 1n)]).toEqual([true, true, false])
    // It makes no share higher.
    expect([succeed(), isOver(), bad()]).toEqual([false, false, true])
    // Beyond the first word of the ring.
    expect([...good(6), bad(), isOver()]).not.toContain(true)
    expect([bad(), isOver()]).toEqual([true, true])
  })

  it('may be one, and a share is that of the same division', () => {
    expect(windowOf(ofCalls(1, 1, Infinity, 1)).fail()).toBe(true)
    expect(windowOf(ofCalls(1, 1, Infinity, 1)).succeed()).toBe(false)
    expect(windowOf(ofMs(1000, 1, Infinity, 1)).fail()).toBe(true)
    expect(windowOf(ofMs(1000, 0, Infinity, 1)).isOver()).toBe(false)
    const { fail, succeed } = windowOf(ofCalls(100, 0.07, Infinity, 100))
    for (let call = 0; call < 93; call++) succeed()
    expect(Array.from({ length: 7 }, () => fail())).toEqual([false, false, false, false, false, false, true])
  })

  it('are told from those of a word that another generation has written', () => {
    const { words, fail, isOver } = windowOf(ofCalls(40, 0.5, Infinity, 1))
    for (let call = 0; call < 20; call++) fail()
    words[FIRST + 1] = ringOf(0x5555_5555n, GENERATION - 1n)
    expect(isOver()).toBe(false)
    words[FIRST + 1] = ringOf(0x5555_5555n)
    expect(isOver()).toBe(true)
  })

  it('of a generation whose tags are 0 may write a word of 0, and be the one that is missing', () => {
    const round = 1n << BigInt(BREAKER.ringTagBits)
    const { window, begin, own } = windowOf(ofCalls(40, 0.5, Infinity, 17))
    begin(round)
    for (let call = 0; call < 16; call++) expect(window.record(round, true, false, START)).toBe(false)
    expect(window.record(round, false, false, START)).toBe(true)
    expect([own(0), own(2)]).toEqual([shifted(17n, BREAKER.indexShift) | 17n, 0n])
  })

  it.each([20n, lowBits(BREAKER.indexShift)])(
    'are in no place beyond the ring, such as %d, whatever was scribbled over the cursor',
    (index) => {
      const { words, own, succeed, isOver } = windowOf(ofCalls(20, 0.5, Infinity, 1))
      words[FIRST] = cursorOf(0n, index, lowBits(BREAKER.indexShift))
      words.fill(ringOf(0x5555_5555n), FIRST + 3)
      expect([isOver(), succeed()]).toEqual([false, false])
      expect([own(0), own(1)]).toEqual([cursorOf(0n, 1n, 1n), ringOf(0n)])
      expect(words.subarray(FIRST + 3).every((word) => word === ringOf(0x5555_5555n))).toBe(true)
    },
  )
})

describe('calls of the last milliseconds', () => {
  it('are counted by tenths of it', () => {
    const { own, fail, succeed } = windowOf(ofMs(1000, 0.5, 0.5, 100))
    succeed(100n * MS - 1n)
    expect(own(0)).toBe(sliceOf(0n, 1n))
    succeed(100)
    expect(own(4)).toBe(sliceOf(1n, 1n))
    fail(100)
    fail(100, true)
    succeed(100, true)
    expect([4, 5, 6, 7].map(own)).toEqual([sliceOf(1n, 2n), sliceOf(1n, 2n), sliceOf(1n, 2n), 0n])
    succeed(-1n)
    expect(own(0)).toBe(sliceOf(0n, 2n))
    fail(999)
    expect(own(37)).toBe(sliceOf(9n, 1n))
    // The tenth after the last takes the words of the first. Whoever was held up meanwhile, for however many windows, leaves them alone.
    for (const [sinceMs, number] of [
      [1000, 10n],
      [0, 10n],
      [3000, 30n],
      [0, 30n],
    ] as const) {
      succeed(sinceMs)
      expect(own(0)).toBe(sliceOf(number, 1n))
    }
    // The number of a tenth comes round.
    succeed((ROUND + 48n) * 100n * MS)
    expect(own(Number((ROUND + 48n) % 10n) * 4)).toBe(sliceOf(48n, 1n))
  })

  it.each([10n, ROUND >> 10n, (ROUND >> 10n) + 1n, ROUND - 10n])(
    'are not taken for later ones where a word was left behind: %d tenths ahead',
    (ahead) => {
      const { words, own, succeed } = windowOf(ofMs(1000, 0.5, 0.5, 100))
      const found = sliceOf((30n + ahead) % ROUND, 7n)
      words[FIRST] = found
      succeed(3000)
      expect(own(0)).toBe(ahead > ROUND >> 10n ? sliceOf(30n, 1n) : found)
    },
  )

  it('are not taken for later ones where a word was never written', () => {
    const { window, begin, own } = windowOf(ofMs(1000, 0.5, 0.5, 100))
    // Its tag is 0, as that of what was never written.
    const generation = 1n << BigInt(BREAKER.sliceTagBits)
    begin(generation)
    window.record(generation, false, false, START + (ROUND - 2n) * 100n * MS)
    expect(own(Number((ROUND - 2n) % 10n) * 4)).toBe(shifted(ROUND - 2n, BREAKER.sliceCountBits) | 1n)
  })

  it('take the place of those of another generation, however late these were', () => {
    const { words, own, succeed } = windowOf(ofMs(1000, 0.5, Infinity, 1))
    words[FIRST] = shifted(4n, BREAKER.sliceTagShift) | shifted(10n, BREAKER.sliceCountBits) | 7n
    succeed()
    expect(own(0)).toBe(sliceOf(0n, 1n))
  })

  it('count no further than their word', () => {
    const { words, own, succeed } = windowOf(ofMs(1000, 0.5, Infinity, 1))
    const most = sliceOf(0n, lowBits(BREAKER.sliceCountBits))
    words[FIRST] = most
    succeed()
    expect(own(0)).toBe(most)
  })

  it.each([false, true])('open it by what the last ten tenths hold, by slow ones: %s', (bySlow) => {
    const { fail, succeed, isOver } = windowOf(bySlow ? ofMs(1000, Infinity, 0.5, 4) : ofMs(1000, 0.5, Infinity, 4))
    const bad = (ms: number) => (bySlow ? succeed(ms, true) : fail(ms))
    expect([bad(0), succeed(500), succeed(500), isOver(500)]).not.toContain(true)
    expect([bad(950), isOver(950), isOver(999), isOver(950, GENERATION + 1n)]).toEqual([true, true, true, false])
    // The first has left it: three calls are not enough, and then too few of them are bad.
    expect([isOver(1000), succeed(1000), bad(1050), bad(1050), succeed(1050)]).toEqual([
      false,
      false,
      false,
      true,
      false,
    ])
    // Those of half a second leave it, and then all.
    expect([1050, 1499, 1500, 1999, 2000].map((ms) => isOver(ms))).toEqual([false, false, true, true, false])
  })
})

describe('a call whose generation ends before all of it is written', () => {
  /** Ends the generation before the word that is to be written as the `nth`. */
  const recordedAs = (by: Float64Array, failed: boolean, nth: number): unknown[] => {
    const { words, window, begin } = windowOf(by)
    let written = 0
    const change = window.change.bind(window)
    window.change = (...given) => {
      if (++written === nth) begin(GENERATION + 1n)
      return change(...given)
    }
    const opens = window.record(GENERATION, failed, !failed, START)
    return [opens, Array.from(words.subarray(FIRST, FIRST + 3), (word) => word !== 0n)]
  }

  it('does not open it', () => {
    const ring = ofCalls(10, 0.5, Infinity, 1)
    expect([1, 2, 3].map((nth) => recordedAs(ring, true, nth))).toEqual([
      [false, [false, false, false]],
      [false, [true, false, false]],
      [true, [true, true, false]],
    ])
    const slow = ofMs(1000, Infinity, 0.5, 1)
    expect([1, 2, 3].map((nth) => recordedAs(slow, false, nth))).toEqual([
      [false, [false, false, false]],
      [false, [true, false, false]],
      [true, [true, false, true]],
    ])
  })
})
