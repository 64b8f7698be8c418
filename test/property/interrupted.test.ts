import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TwinCircuitBreaker } from '../../dist/memory/breaker/core.js'
import { TwinTokenBucket } from '../../dist/memory/bucket/core.js'
import { KeyedBuckets } from '../../dist/memory/keyed/core.js'
import { KeyedTerms } from '../../dist/memory/keyed/terms.js'
import { AdaptiveLimit, limitOfWord, wordOfLimit } from '../../dist/memory/semaphore/adaptive-limit.js'
import { SemaphoreCore } from '../../dist/memory/semaphore/core.js'
import { cellsOf } from '../../dist/memory/semaphore/semaphore.js'
import { ADAPTIVE, BREAKER_PARAMETER, BUCKET, WORDS_PER_CELL } from '../../dist/memory/shared/layout.js'
import { EXTEND, KeyedWindows } from '../../dist/memory/window/core.js'
import { WindowTerms } from '../../dist/memory/window/terms.js'
import { freshBreakerCells, parameterSets } from './breaker-support.js'
import {
  BREAKER_KINDS,
  BreakerUser,
  BUCKET_KINDS,
  BucketUser,
  KEYED_KINDS,
  KeyedUser,
  SEMAPHORE_KINDS,
  SemaphoreUser,
  WINDOW_KINDS,
  WindowUser,
} from './interrupted-users.js'
import { expectNoInterruptionSeen, interrupt, SECOND_NS } from './interrupted.js'
import { freshTableWords } from './keyed-support.js'

/** After the last of these a claim to change parameters has lapsed. */
const LATER_NS = [0n, 0n, 1000n, 3n * SECOND_NS]

describe('what another thread interrupts at any step ends as if it had come before or after', () => {
  it('of a token bucket', () => {
    const parameters = fc.record({ rate: fc.constantFrom(0.5, 4), burst: fc.constantFrom(1, 5) })
    const make = ({ rate, burst }: { rate: number; burst: number }, startNs: bigint) => {
      const words = new BigInt64Array(WORDS_PER_CELL * BUCKET.cells)
      new TwinTokenBucket(words).initialize(startNs, rate, burst)
      return { words, users: [new BucketUser(words), new BucketUser(words)] as const }
    }
    expectNoInterruptionSeen(parameters, make, BUCKET_KINDS, { later: LATER_NS })
    // So many changes that what was being read is overwritten.
    expectNoInterruptionSeen(parameters, make, BUCKET_KINDS, {
      otherKinds: ['update', 'pause', 'reset'],
      mostOthers: 12,
    })
  })

  it('of a semaphore', () => {
    const parameters = fc.record({
      form: fc.record({ rows: fc.constant(3), places: fc.constant(8), least: fc.constantFrom(0, 0, 1) }),
      maxConcurrent: fc.integer({ min: 1, max: 3 }),
      maxQueue: fc.constantFrom(-1, 1, 4),
    })
    expectNoInterruptionSeen(
      parameters,
      ({ form, maxConcurrent, maxQueue }) => {
        const words = new BigInt64Array(WORDS_PER_CELL * cellsOf(form, form.least))
        const core = new SemaphoreCore(words, form)
        core.initialize(maxConcurrent, maxQueue)
        const user = (who: bigint): SemaphoreUser => new SemaphoreUser(words, form, core.claim(who, 0n))
        return { words, users: [user(1n), user(2n)] }
      },
      SEMAPHORE_KINDS,
    )
  })

  it('of an adaptive limit: nothing that a call tells is lost, and of two that find a window over one closes it', () => {
    const [limit, line, nowMs] = [0, 1, 1000]
    const make = (dip: number) => {
      const words = new BigInt64Array(WORDS_PER_CELL)
      const users = [1, 2].map(() => new AdaptiveLimit(words, limit, line, () => ({ least: 1, most: 99 })))
      words[limit] = wordOfLimit({ limit: 16, baseUs: 1000, dip, patience: 0, busy: 0 })
      words[line + ADAPTIVE.windowEnd] = BigInt(nowMs)
      return { words, one: users[0]!, two: users[1]! }
    }
    for (let step = 0, isOver = false; !isOver; step++) {
      const { words, one, two } = make(0)
      const early = nowMs - 1
      isOver = !interrupt(
        () => one.add(early, 3, 4),
        step,
        () => [two.drop(early), two.add(early, 5, step % 2 === 0 ? 9 : 2), two.drop(early)],
      )
      if (isOver) continue
      const { calls, us, most, drops } = one.takeWindow().window
      expect({ calls, us, most, drops }, `step ${step}`).toEqual({
        calls: 2,
        us: 8,
        most: step % 2 === 0 ? 9 : 4,
        drops: 2,
      })
      expect(limitOfWord(words[limit]!).limit).toBe(16)
    }
    // The other comes when the next window is over, too, but has none of its calls: what it finds of them it takes with it.
    for (let step = 0, isOver = false; !isOver; step++) {
      const { words, one, two } = make(2)
      for (let call = 0; call < 9; call++) one.add(nowMs - 1, 1000, 9)
      const moved = new Set<number>()
      isOver = !interrupt(
        () => one.add(nowMs, 1000, 9) && moved.add(1),
        step,
        () => two.add(nowMs + 101, 1000, 9) && moved.add(2),
      )
      expect([moved.size, limitOfWord(words[limit]!).dip], `step ${step}`).toEqual([1, 1])
    }
  })

  it('of a circuit breaker', () => {
    // A ring of fewer calls than come meanwhile has lost what was interrupted. It opens often, lets probes through soon, and waits for their end.
    const parameters = parameterSets
      .filter(([mode, size]) => mode !== 1 || size! > 6)
      .map((asked) => {
        const quick = asked.slice()
        if (asked[BREAKER_PARAMETER.mode] === 0)
          quick[BREAKER_PARAMETER.size] = Math.ceil(asked[BREAKER_PARAMETER.size]! / 3)
        quick[BREAKER_PARAMETER.minimumCalls] = 1
        quick[BREAKER_PARAMETER.successThreshold] = Math.ceil(asked[BREAKER_PARAMETER.successThreshold]! / 4)
        quick[BREAKER_PARAMETER.resetTimeoutMs] = 50
        quick[BREAKER_PARAMETER.probeLeaseMs] = 60_000
        return quick
      })
    const make = (asked: Float64Array, startNs: bigint) => {
      const words = freshBreakerCells(asked)
      TwinCircuitBreaker.initialize(words, startNs, asked)
      return { words, users: [new BreakerUser(words), new BreakerUser(words)] as const }
    }
    // Whoever is about to take the place of a probe and then cannot has kept others from it.
    expectNoInterruptionSeen(parameters, make, BREAKER_KINDS, { mostOthers: 1 })
    // So many changes that what was being read is overwritten.
    expectNoInterruptionSeen(parameters, make, BREAKER_KINDS, { otherKinds: ['update'], mostOthers: 6 })
  })

  it('of a table of keys', () => {
    expectNoInterruptionSeen(
      fc.constantFrom(1, 2, 3),
      (capacity, startNs) => {
        const words = freshTableWords(capacity)
        const asked = { rate: 2, burst: 4, capacity, evicts: false }
        const terms = KeyedTerms.make(startNs, asked, { low: 1n, high: 2n })
        KeyedBuckets.initialize(words, terms)
        return { words, users: [new KeyedUser(words, terms), new KeyedUser(words, terms)] }
      },
      KEYED_KINDS,
      { later: LATER_NS },
    )
  })

  it('of a table of windows', () => {
    expectNoInterruptionSeen(
      fc.constantFrom(1, 2, 3),
      (capacity, startNs) => {
        const words = freshTableWords(capacity)
        const terms = WindowTerms.make(startNs, { capacity, evicts: false }, { low: 1n, high: 2n })
        KeyedWindows.initialize(words, terms)
        return { words, users: [new WindowUser(words, terms), new WindowUser(words, terms)] }
      },
      WINDOW_KINDS,
      { later: LATER_NS },
    )
  })

  it('of a full table of windows: no refused key is lost to a flood, nor one that is refused meanwhile', () => {
    const terms = WindowTerms.make(0n, { capacity: 3, evicts: true }, { low: 1n, high: 2n })
    const flood = [4n, 5n, 6n, 7n]
    for (const wasRefused of [true, false]) {
      for (let step = 0, isOver = false; !isOver; step++) {
        const words = freshTableWords(3)
        KeyedWindows.initialize(words, terms)
        const windows = new KeyedWindows(words, terms)
        const hit = (hash: bigint): number => windows.hit(SECOND_NS, hash, 1000n, 1, 1, EXTEND.never).count
        for (const hash of [1n, 2n, 3n, 1n]) hit(hash)
        // The one that is hit in the middle is refused already, or by this hit.
        const act = wasRefused ? flood : [2n]
        isOver = !interrupt(
          () => act.forEach(hit),
          step,
          () => (wasRefused ? [2n] : flood).forEach(hit),
        )
        expect(windows.look(SECOND_NS, 1n).count, `step ${step}`).toBe(2)
        if (windows.look(SECOND_NS, 2n).count === 2) for (const hash of flood) hit(hash)
        expect(windows.look(SECOND_NS, 1n).count, `step ${step}`).toBe(2)
      }
    }
  })

  it('of a table of windows, also where it is cleared: what nobody hits meanwhile is forgotten', () => {
    const terms = WindowTerms.make(0n, { capacity: 3, evicts: false }, { low: 1n, high: 2n })
    for (let step = 0, isOver = false; !isOver; step++) {
      const words = freshTableWords(3)
      KeyedWindows.initialize(words, terms)
      const windows = new KeyedWindows(words, terms)
      const hit = (hash: bigint): number => windows.hit(SECOND_NS, hash, 1000n, 1, 9, EXTEND.never).count
      for (const hash of [1n, 2n, 3n]) hit(hash)
      isOver = !interrupt(
        () => {
          windows.clear()
        },
        step,
        () => {
          for (const hash of [2n, 2n]) hit(hash)
        },
      )
      const counts = [1n, 2n, 3n].map((hash) => windows.look(SECOND_NS, hash).count)
      expect(
        [
          [0, 0, 0],
          [0, 2, 0],
        ],
        `step ${step}`,
      ).toContainEqual(counts)
      expect([1n, 2n, 3n].map(hit)).toEqual(counts.map((count) => count + 1))
    }
  })
})
