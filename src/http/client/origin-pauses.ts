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

/**
 * Origins whose answers have no fields about limits. Iterating over the fields of fetch's answers sorts and copies them, which takes longer than
 * everything else that policies do for a request. Few servers send such fields, and most of those send them in every answer.
 */
class SilentOrigins {
  /** Answers in a row without such fields. The answers of an origin that was forgotten are read again. */
  readonly #silence: BoundedMap<string, number>

  constructor(capacity: number) {
    this.#silence = new BoundedMap(capacity)
  }

  /** Counts an answer. @returns whether to read the fields of that answer */
  answered(origin: string): boolean {
    const silence = this.#silence.get(origin) ?? 0
    if (silence < SILENT_AFTER) return true
    this.#silence.set(origin, silence + 1)
    return silence % LOOK_EVERY === 0
  }

  /** Records whether an answer had fields about limits. */
  looked(origin: string, hasLimits: boolean): void {
    const silence = this.#silence.get(origin) ?? 0
    if (hasLimits) this.#silence.delete(origin)
    // For a silent origin, `answered` counts.
    else if (silence < SILENT_AFTER) this.#silence.set(origin, silence + 1)
  }
}

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
    // The fields of a refusal are always read.
    if (this.#silent === undefined || (status < 400 && !this.#silent.answered(origin))) return 0
    const tells = tellsOfLimits(headers)
    this.#silent.looked(origin, tells)
    return tells ? exhaustedMs(headers, Date.now()) : 0
  }
}
