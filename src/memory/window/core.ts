import { ATTEMPTS, KeyedSlots, freeLevel } from '../keyed/slots.js'
import { KEYED, KIND, WINDOW, kindWord } from '../shared/layout.js'
import { max, min } from '../shared/rate.js'
import type { WindowTerms } from './terms.js'

/** What a hit beyond the limit does to the window; native/core/keyed_window.h has the same. */
export const EXTEND = { never: 0, refused: 1, double: 2 } as const
export type Extend = (typeof EXTEND)[keyof typeof EXTEND]

export interface WindowSeen {
  readonly count: number
  readonly resetNs: bigint
  readonly refused: boolean
  readonly hasRoom: boolean
}

/** How a key stands with its limit, until its window or its block is over. */
const STANDING = { open: 0, exhausted: 1, refused: 2, blocked: 3 } as const
const STANDINGS = 3n

interface Level {
  /** Since the epoch; 0: no window. */
  readonly endMs: bigint
  readonly standing: number
  readonly count: number
}

const MOST_MS = BigInt(WINDOW.mostMs)
const END_SHIFT = BigInt(WINDOW.endShift)
const COUNT_BITS = BigInt(WINDOW.countBits)
const NO_LEVEL: Level = { endMs: 0n, standing: STANDING.open, count: 0 }
const NO_ROOM: WindowSeen = { count: 0, resetNs: 0n, refused: true, hasRoom: false }

const numberOf = ({ endMs, standing, count }: Level): bigint =>
  (endMs << END_SHIFT) | (BigInt(standing) << COUNT_BITS) | BigInt(count)
/** Which of the keys of a full group goes first. */
function rankOf(number: bigint): bigint {
  const standing = min((number >> COUNT_BITS) & STANDINGS, BigInt(STANDING.refused))
  const count = standing === 0n ? number & BigInt(WINDOW.mostCount) : 0n
  return (((standing << COUNT_BITS) | count) << BigInt(WINDOW.endBits)) | (number >> END_SHIFT)
}
const floorAt = (nowMs: bigint): bigint => (nowMs << END_SHIFT) | WINDOW.belowEnd

function read(number: bigint, nowMs: bigint): Level {
  if (number <= floorAt(nowMs)) return NO_LEVEL
  return {
    endMs: number >> END_SHIFT,
    standing: Number((number >> COUNT_BITS) & STANDINGS),
    count: Number(number & BigInt(WINDOW.mostCount)),
  }
}

/**
 * The keyed window of native/core/keyed_window.h in TypeScript: the same steps on the same words, so that both may work
 * on one table at the same time; that header explains them.
 */
export class KeyedWindows {
  readonly terms: WindowTerms
  readonly #slots: KeyedSlots

  constructor(words: BigInt64Array, terms: WindowTerms) {
    this.terms = terms
    this.#slots = new KeyedSlots(words, terms.cut, BigInt(WINDOW.generationBits))
  }

  /** Writes an empty table into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, terms: WindowTerms): void {
    terms.write(words)
    Atomics.store(words, KEYED.kind, kindWord(KIND.keyedWindow))
  }

  hit(nowNs: bigint, hash: bigint, windowMs: bigint, hits: number, limit: number, extend: Extend): WindowSeen {
    const next = (before: Level): Level => {
      if (before.standing === STANDING.blocked) return before
      const endMs = before.endMs !== 0n ? before.endMs : this.#endAfter(nowNs, windowMs)
      const count = Math.min(before.count + hits, WINDOW.mostCount)
      const own = count > limit ? STANDING.refused : count === limit ? STANDING.exhausted : STANDING.open
      const standing = Math.max(before.standing, own)
      if (extend === EXTEND.never || count <= limit) return { endMs, standing, count }
      const doublings = extend === EXTEND.double ? BigInt(count - limit - 1) : 0n
      const lasting = windowMs << (doublings < 62n ? doublings : 62n)
      return { endMs: max(endMs, this.#endAfter(nowNs, lasting)), standing, count }
    }
    return this.#change(nowNs, hash, true, next, windowMs, limit)
  }

  unhit(nowNs: bigint, hash: bigint, hits: number): void {
    this.#change(nowNs, hash, false, (before) => {
      if (before.standing === STANDING.blocked) return before
      const count = Math.max(before.count - hits, 0)
      return { ...before, count, standing: count === 0 ? STANDING.open : before.standing }
    })
  }

  block(nowNs: bigint, hash: bigint, ms: bigint): WindowSeen {
    const endMs = this.#endAfter(nowNs, ms)
    const next = (before: Level): Level =>
      before.standing === STANDING.blocked && before.endMs > endMs
        ? before
        : { endMs, standing: STANDING.blocked, count: before.count }
    return this.#change(nowNs, hash, true, next, ms)
  }

  reset(hash: bigint): void {
    this.#slots.free(hash)
  }

  clear(): void {
    this.#slots.each((seen) => {
      let now = seen
      for (let attempt = 0; attempt < ATTEMPTS && now.state === 'live'; attempt++) {
        if (this.#slots.commit(now, freeLevel(now.identity))) return
        now = this.#slots.lookAt(now.slot)
      }
    })
  }

  look(nowNs: bigint, hash: bigint): WindowSeen {
    const seen = this.#slots.find(this.#slots.placeOf(hash))
    const level = seen.state === 'live' ? read(this.#slots.numberOf(seen.level), this.terms.msAt(nowNs)) : NO_LEVEL
    return this.#told(level, nowNs)
  }

  size(nowNs: bigint): number {
    return this.#slots.countAbove(floorAt(this.terms.msAt(nowNs)))
  }

  #endAfter(nowNs: bigint, ms: bigint): bigint {
    const nowMs = this.terms.msAt(nowNs + 999_999n)
    return nowMs >= MOST_MS - ms ? MOST_MS : nowMs + ms
  }

  #told({ endMs, standing, count }: Level, nowNs: bigint, wholeMs = 1n, limit: number = WINDOW.mostCount): WindowSeen {
    const leftNs = endMs === 0n ? 0n : this.terms.nsUntil(endMs, nowNs)
    const leftMs = leftNs / 1_000_000n
    return {
      count,
      resetNs: leftMs >= wholeMs ? leftMs * 1_000_000n : leftNs,
      refused: standing === STANDING.blocked || count > limit,
      hasRoom: true,
    }
  }

  #change(
    nowNs: bigint,
    hash: bigint,
    claims: boolean,
    next: (before: Level) => Level,
    wholeMs?: bigint,
    limit?: number,
  ): WindowSeen {
    const at = this.#slots.placeOf(hash)
    const nowMs = this.terms.msAt(nowNs)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const before = read(this.#slots.numberOf(seen.level), nowMs)
        if (before.endMs === 0n && !claims) return this.#told(before, nowNs, wholeMs, limit)
        const after = next(before)
        if (this.#slots.commit(seen, this.#slots.levelOf(numberOf(after), seen.identity)))
          return this.#told(after, nowNs, wholeMs, limit)
        continue
      }
      const survey = this.#slots.takeStock(at, floorAt(nowMs), rankOf)
      if (survey.result === 'again') continue
      if (!claims) return this.#told(NO_LEVEL, nowNs, wholeMs, limit)
      if (survey.result === 'full' && !this.terms.asked.evicts)
        return { ...NO_ROOM, resetNs: this.terms.nsUntil(survey.least >> END_SHIFT, nowNs) }
      if (!this.#slots.freeze(survey.choice)) continue
      const after = next(NO_LEVEL)
      if (this.#slots.claim(at, survey, numberOf(after)) !== null) return this.#told(after, nowNs, wholeMs, limit)
    }
    return NO_ROOM
  }
}
