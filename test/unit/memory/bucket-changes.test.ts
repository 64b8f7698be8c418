import { describe, expect, it } from 'vitest'
import { doubleToBits } from '../../../dist/memory/shared/rate.js'
import type { Bucket } from '../../../dist/memory/bucket/bucket.js'
import { CLAIM_LEASE_NS, OUTCOME, type Outcome, TwinTokenBucket } from '../../../dist/memory/bucket/core.js'
import { BUCKET } from '../../../dist/memory/shared/layout.js'
import { createTwin, freshCells, HandClock, openNative, openTwin } from '../../property/bucket-support.js'
import { interrupt } from '../../property/interrupted.js'
import { addonForbidden } from '../../support/native.js'

const SECOND_NS = 1_000_000_000
const LEASE_NS = Number(CLAIM_LEASE_NS)
/** More than a claim's time is rounded by. */
const TICK_NS = 2 ** BUCKET.claimTickBits
const ALMOST_NEVER = 1e-6
const DEATH = new Error('the thread has ended')

/** Two of five tokens are left of a bucket that gains none. */
function emptied(): { words: BigInt64Array; clock: HandClock } {
  const words = freshCells()
  const clock = Object.assign(new HandClock(), { ns: SECOND_NS })
  createTwin(words, ALMOST_NEVER, 5, clock).tryAcquire(3)
  return { words, clock }
}

/** Says whether the thread has died: it may have ended its work before that step. */
function dies(work: () => void, step: number): boolean {
  try {
    return interrupt(work, step, () => {
      throw DEATH
    })
  } catch (error) {
    expect(error).toBe(DEATH)
    return true
  }
}

/** A change by a thread that dies just before a step of it; says whether it had so many. */
const changeDies = (words: BigInt64Array, atNs: number, step: number): boolean =>
  dies(() => void new TwinTokenBucket(words).update(BigInt(atNs), 2 * ALMOST_NEVER, 8), step)

const isAsked = (bucket: Bucket, burstSize: number): boolean => bucket.parameters().burstSize === burstSize

describe.each([
  ['the addon', openNative],
  ['the twin', openTwin],
] as const)('a thread that dies while it changes a limit: %s', (name, open) => {
  const test = it.skipIf(name === 'the addon' && addonForbidden)

  test('keeps others from changing it for a second, and never from taking tokens', () => {
    for (let step = 0; ; step++) {
      const { words, clock } = emptied()
      if (!changeDies(words, clock.ns, step)) return
      const core = new TwinTokenBucket(words)
      const isClaimed = (words[BUCKET.claim]! & 1n) === 1n
      clock.ns += LEASE_NS - 2 * TICK_NS
      const outcome = core.update(BigInt(clock.ns), ALMOST_NEVER, 7)
      expect(outcome, `step ${step}`).toBe(isClaimed ? OUTCOME.busy : OUTCOME.granted)
      const bucket = open(words, clock)
      expect(bucket.tryAcquire(1)).toBe(OUTCOME.granted)
      clock.ns += 4 * TICK_NS
      expect(bucket.update(ALMOST_NEVER, 9)).toBe(OUTCOME.granted)
      expect(bucket.parameters()).toEqual({ requestsPerSecond: ALMOST_NEVER, burstSize: 9 })
      expect(bucket.available()).toBeCloseTo(1, 3)
    }
  })

  test('may be followed by any number that die in the same place', () => {
    for (let step = 0; ; step++) {
      const { words, clock } = emptied()
      if (!changeDies(words, clock.ns, step)) return
      for (let dead = 0; dead < 9; dead++) changeDies(words, (clock.ns += 2 * LEASE_NS), step)
      clock.ns += 2 * LEASE_NS
      const bucket = open(words, clock)
      for (const burst of [9, 10, 11, 12, 13, 14]) {
        expect(bucket.update(ALMOST_NEVER, burst)).toBe(OUTCOME.granted)
        expect(isAsked(bucket, burst), `step ${step}`).toBe(true)
        expect(bucket.available()).toBeCloseTo(2, 3)
      }
    }
  })

  test('while another was held up in a change, which does no harm as it goes on', () => {
    for (let heldUpAt = 0, isHeldUp = true as boolean; isHeldUp; heldUpAt++) {
      for (let diesAt = 0, isDead = true as boolean; isDead && isHeldUp; diesAt++) {
        const { words, clock } = emptied()
        const bucket = open(words, clock)
        const what = `held up at ${heldUpAt}, died at ${diesAt}`
        let outcome = OUTCOME.busy as Outcome
        let hadClaimed = false as boolean
        let hadChanged = false as boolean
        isHeldUp = interrupt(
          () => (outcome = new TwinTokenBucket(words).update(BigInt(SECOND_NS), ALMOST_NEVER, 6)),
          heldUpAt,
          () => {
            hadClaimed = (words[BUCKET.claim]! & 1n) === 1n
            hadChanged = isAsked(bucket, 6)
            clock.ns += 2 * LEASE_NS
            isDead = changeDies(words, clock.ns, diesAt)
            clock.ns += 2 * LEASE_NS
            for (const burst of [9, 10, 11]) expect(bucket.update(ALMOST_NEVER, burst)).toBe(OUTCOME.granted)
          },
        )
        if (hadClaimed && !hadChanged) expect(outcome, what).toBe(OUTCOME.busy)
        expect(isAsked(bucket, outcome === OUTCOME.granted && !hadChanged ? 6 : 11), what).toBe(true)
        expect(bucket.available(), what).toBeCloseTo(2, 3)
        expect(bucket.update(ALMOST_NEVER, 12), what).toBe(OUTCOME.granted)
      }
    }
  })
})

describe('a bucket whose words a thread has scribbled over', () => {
  it.each([0, -1, NaN, Infinity, 1e16])('is not changed where its rate is %d', (rate) => {
    const { words, clock } = emptied()
    words[BUCKET.firstSlot + BUCKET.rate] = doubleToBits(rate)
    const core = new TwinTokenBucket(words)
    const nowNs = BigInt(clock.ns)
    expect(core.pause(nowNs, nowNs + CLAIM_LEASE_NS)).toBe(OUTCOME.busy)
    // Nor does that keep others from it.
    expect(core.update(nowNs, 1, 5)).toBe(OUTCOME.granted)
  })

  it('lets operations end where it has produced more than there can be', () => {
    const { words, clock } = emptied()
    words[BUCKET.firstSlot + BUCKET.multiplier] = (1n << 62n) - 1n
    const core = new TwinTokenBucket(words)
    const nowNs = BigInt(clock.ns) + 1_000_000n
    expect([core.tryAcquire(nowNs, 1), core.reserve(nowNs, 1, 0n).outcome, core.charge(nowNs, 1)]).toEqual(
      expect.arrayContaining([OUTCOME.granted]),
    )
  })
})
