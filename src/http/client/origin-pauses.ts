import { RateLimitExceeded } from '../../errors.js'
import { BoundedMap } from '../../internal/bounded-map.js'
import { type Clock, timeOf } from '../../internal/time/clock.js'
import { sleep } from '../../internal/time/sleep.js'
import type { NameScope } from '../../memory/shared/names.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { partName } from '../encoded-name.js'
import { type AnswerHeaders, exhaustedMs, pauseMsOf, tellsOfLimits } from './answer-limits.js'

/** An origin is silent after so many answers in a row without fields about limits. */
const SILENT_AFTER = 16
/** Of a silent origin's answers, one in so many is looked at. */
const LOOK_EVERY = 16

/** Pauses that servers asked for, by origin: in every thread, and in every process where there is a name for it. */
export class OriginPauses {
  readonly #blocks: KeyedWindow
  readonly #clock: Clock
  /**
   * By origin: answers in a row without fields about limits; undefined: such fields are not read. Iterating over the fields of fetch's answers
   * sorts and copies them, which takes longer than everything else that policies do for a request. Few servers send such fields, and most of
   * those send them in every answer.
   */
  readonly #silence: BoundedMap<string, number> | undefined
  /** Whether others may set pauses, by the same name. */
  readonly #isShared: boolean
  /** When the last pause that this object has begun is over, by its clock. */
  #lastMs = -Infinity

  constructor(options: { capacity: number; name: string | null; scope: NameScope; clock: Clock; adapts: boolean }) {
    const { capacity, name, scope, clock, adapts } = options
    this.#blocks = new KeyedWindow({ capacity, scope, clock, name: partName(name, 'pauses') })
    this.#clock = clock
    if (adapts) this.#silence = new BoundedMap(capacity)
    this.#isShared = name !== null
  }

  /** Until requests to an origin may be sent; 0 when they may. ms */
  remainingMs(origin: string): number {
    if (!this.#isShared && (this.#lastMs === -Infinity || timeOf(this.#clock) > this.#lastMs)) return 0
    const { refused, resetMs } = this.#blocks.look(origin)
    return refused ? resetMs : 0
  }

  /** Waits while an origin is paused. @throws {RateLimitExceeded} if that is longer than `longestMs`; the reason of the signal */
  async wait(origin: string, signal: AbortSignal | undefined, longestMs: number): Promise<void> {
    // It may have been prolonged meanwhile.
    for (let ms = this.remainingMs(origin); ms > 0; ms = this.remainingMs(origin)) {
      if (ms > longestMs)
        throw new RateLimitExceeded(`${origin} asked to be left alone for ${Math.ceil(ms)} ms more`, {
          retryAfterMs: ms,
          limiterName: null,
        })
      await sleep(this.#clock, ms, signal)
    }
  }

  /** Begins the pause that an answer asks for. Returns its length in ms; 0 for none. */
  observe(origin: string, status: number, headers: AnswerHeaders): number {
    const ms = pauseMsOf(status, headers, this.#exhaustedMs(origin, status, headers))
    if (ms > 0) {
      // A block lasts until the end of a millisecond.
      this.#lastMs = Math.max(this.#lastMs, timeOf(this.#clock) + ms + 1)
      this.#blocks.block(origin, ms)
    }
    return ms
  }

  #exhaustedMs(origin: string, status: number, headers: AnswerHeaders): number {
    if (this.#silence === undefined) return 0
    const silence = this.#silence.get(origin) ?? 0
    const isSilent = silence >= SILENT_AFTER
    // The fields of a refusal are always read.
    if (isSilent && status < 400) {
      this.#silence.set(origin, silence + 1)
      if (silence % LOOK_EVERY !== 0) return 0
    }
    const hasLimits = tellsOfLimits(headers)
    if (hasLimits) this.#silence.delete(origin)
    else if (!isSilent) this.#silence.set(origin, silence + 1)
    return hasLimits ? exhaustedMs(headers, Date.now()) : 0
  }
}
