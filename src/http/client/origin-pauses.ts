import { RateLimitExceeded } from '../../errors.js'
import { type Clock, timeOf } from '../../internal/time/clock.js'
import { sleep } from '../../internal/time/sleep.js'
import type { NameScope } from '../../memory/shared/names.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { partName } from '../encoded-name.js'
import { type AnswerHeaders, exhaustedMs, pauseMsOf, tellsOfLimits } from './answer-limits.js'
import { SilentOrigins } from './silent-origins.js'

/** Pauses that servers asked for, by origin: in every thread, and in every process where there is a name for it. */
export class OriginPauses {
  readonly #blocks: KeyedWindow
  readonly #clock: Clock
  /** Undefined: fields about limits are not read. */
  readonly #silent: SilentOrigins | undefined
  /** Whether others may set pauses, by the same name. */
  readonly #isShared: boolean
  /** When the last pause that this object has begun is over, by its clock. */
  #lastMs = -Infinity

  constructor(options: { capacity: number; name: string | null; scope: NameScope; clock: Clock; adapts: boolean }) {
    const { capacity, name, scope, clock, adapts } = options
    this.#blocks = new KeyedWindow({ capacity, scope, clock, name: partName(name, 'pauses') })
    this.#clock = clock
    if (adapts) this.#silent = new SilentOrigins(capacity)
    this.#isShared = name !== null
  }

  /** Until requests to an origin may be sent; 0 when they may. ms */
  remainingMs(origin: string): number {
    if (!this.#isShared && (this.#lastMs === -Infinity || timeOf(this.#clock) > this.#lastMs)) return 0
    const { refused, resetMs } = this.#blocks.look(origin)
    return refused ? resetMs : 0
  }

  /**
   * Waits while an origin is paused.
   *
   * @param longestMs - a longer pause is refused at once
   * @throws {RateLimitExceeded} when the pause is longer; the signal's reason when it is aborted
   */
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

  /** Reads what an answer asks for: Retry-After of a 429, 503 or 529, and limits of which nothing is left. Returns the pause it began, in ms; 0 for none. */
  observe(origin: string, status: number, headers: AnswerHeaders): number {
    const ms = pauseMsOf(status, headers, this.#exhaustedMs(origin, status, headers))
    if (ms > 0) {
      // A block ends at a full ms.
      this.#lastMs = Math.max(this.#lastMs, timeOf(this.#clock) + ms + 1)
      this.#blocks.block(origin, ms)
    }
    return ms
  }

  #exhaustedMs(origin: string, status: number, headers: AnswerHeaders): number {
    // The fields of a refusal are always read.
    if (this.#silent === undefined || (status < 400 && !this.#silent.answered(origin))) return 0
    const tells = tellsOfLimits(headers)
    this.#silent.looked(origin, tells)
    return tells ? exhaustedMs(headers, Date.now()) : 0
  }
}
