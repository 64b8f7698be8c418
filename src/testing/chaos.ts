import { ChaosError } from '../errors.js'
import { type CallEvents, EventSource } from '../internal/events/events.js'
import {
  booleanOption,
  clockOption,
  functionOption,
  nameOption,
  namesOf,
  numberOption,
  type OptionTable,
  readOptions,
  type ReadOptions,
  readValues,
} from '../internal/options/options.js'
import { atOnce } from '../internal/options/predicate.js'
import { checkKeys } from '../internal/options/validate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { Clock } from '../internal/time/clock.js'
import { type SharedTimers, timersOf } from '../internal/time/timers.js'
import { WHY_BOUND } from '../policy/bound.js'
import { randomOf } from '../policy/retry/backoff.js'
import { sleep } from '../policy/stages/sleep.js'
import type { Call, LinearStage } from '../policy/stages/stage.js'
import { EventfulPolicy } from '../policy/stages/staged-policy.js'

/** Options of `chaos`; `update` can change all of them except `name` and `clock`. */
export interface ChaosOptions {
  /** Share of calls that fail without being made, 0 … 1; default 0. */
  readonly errorRate?: number | undefined
  /** Makes the error of such a call; default: a {@link ChaosError}. */
  readonly error?: (() => unknown) | undefined
  /** How long a delayed call waits before it is made, or fails, in milliseconds, >= 0; default 0. */
  readonly latencyMs?: number | undefined
  /** Share of calls that are delayed, 0 … 1; default 1. */
  readonly latencyRate?: number | undefined
  /** Whether calls are failed and delayed at all; default true. */
  readonly enabled?: boolean | undefined
  /** Returns a number from 0 to 1 for each choice; default `Math.random`. A function with a seed makes a run repeatable. */
  readonly random?: (() => number) | undefined
  /** Name in events. */
  readonly name?: string | undefined
  /** For tests: measures `latencyMs`; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Changes of a running `chaos`; an undefined option keeps its value. */
export type ChaosChange = Omit<ChaosOptions, 'name' | 'clock'>

/** Events of `chaos`. */
export interface ChaosEvents extends CallEvents {
  /** A call waits `latencyMs`. */
  delayed: { readonly latencyMs: number }
  /** A call has failed on purpose. */
  failed: { readonly error: unknown }
}

/** Counts of `chaos`, for all calls of its thread. */
export interface ChaosStats {
  /** Calls that reached it. */
  readonly calls: number
  /** Calls that were delayed. */
  readonly delayed: number
  /** Calls that were failed on purpose. */
  readonly failed: number
}

const share = { min: 0, max: 1 } as const

/** The options that `update` may change. */
const CHANGEABLE = {
  errorRate: numberOption(share, 0),
  error: functionOption<() => unknown>(),
  latencyMs: numberOption({ min: 0 }, 0),
  latencyRate: numberOption(share, 1),
  enabled: booleanOption(true),
  random: functionOption<() => number>(),
} as const satisfies OptionTable<ChaosChange>

const OPTIONS = { ...CHANGEABLE, name: nameOption, clock: clockOption } as const satisfies OptionTable<ChaosOptions>

class ChaosStage implements LinearStage {
  readonly kind = 'chaos'
  readonly name: string | null
  readonly clock: Clock
  readonly events: EventSource<ChaosEvents>
  readonly counts = { calls: 0, delayed: 0, failed: 0 }
  readonly #timers: SharedTimers
  settings: ReadOptions<typeof CHANGEABLE>

  constructor(options: ChaosOptions) {
    const read = readOptions('chaos', options, OPTIONS)
    this.settings = read
    this.name = read.name
    this.clock = read.clock
    this.events = new EventSource('chaos', this.name, ['delayed', 'failed'], this.clock)
    this.#timers = timersOf(this.clock)
  }

  enter({ scope }: Call): Promise<void> | undefined {
    this.counts.calls++
    const { enabled, latencyMs, latencyRate, errorRate, error, random = Math.random } = this.settings
    if (!enabled) return undefined
    // Both are drawn now, so that the waits do not affect which calls fail.
    const isDelayed = latencyMs > 0 && happens(latencyRate, random)
    const mustFail = errorRate > 0 && happens(errorRate, random)
    if (!isDelayed) {
      if (mustFail) this.#fail(error)
      return undefined
    }
    this.counts.delayed++
    if (this.events.isHeard) this.events.emit('delayed', { latencyMs })
    const waited = sleep(this.#timers, latencyMs, scope)
    return mustFail ? waited.then(() => this.#fail(error)) : waited
  }

  leave(): undefined {
    // All harm is done before the call.
  }

  #fail(make: (() => unknown) | undefined): never {
    this.counts.failed++
    const error = make === undefined ? new ChaosError('this call fails on purpose: chaos') : atOnce('error', make())
    if (this.events.isHeard) this.events.emit('failed', { error })
    throw error
  }
}

/** Draws whether an event of this probability happens. At 1 it always does, even if the user's `random` returns 1. */
function happens(probability: number, random: () => number): boolean {
  const drawn = randomOf(random)
  return probability === 1 || drawn < probability
}

/** Fails and delays calls on purpose; made by {@link chaos}. */
export class Chaos extends EventfulPolicy<ChaosEvents> {
  readonly kind = 'chaos'
  readonly #stage: ChaosStage

  constructor(options: ChaosOptions = {}) {
    const stage = new ChaosStage(options)
    super(stage)
    this.#stage = stage
  }

  /** Whether calls are failed and delayed at present. */
  get enabled(): boolean {
    return this.#stage.settings.enabled
  }

  /**
   * Changes options for later calls: `update({ enabled: false })` ends a game day.
   *
   * @throws {TypeError | RangeError} as `chaos` does; then nothing has changed
   */
  update(change: ChaosChange): void {
    checkKeys('update', change, namesOf(CHANGEABLE))
    const given = Object.entries(change).filter(([, value]) => value !== undefined)
    this.#stage.settings = readValues({ ...this.#stage.settings, ...Object.fromEntries(given) }, CHANGEABLE)
  }

  /** Counts of all calls in this thread since the policy was made. */
  stats(): ChaosStats {
    return { ...this.#stage.counts }
  }

  /** @internal */
  [INSPECT](): object {
    const { name, settings, counts } = this.#stage
    const { enabled, errorRate, latencyMs, latencyRate } = settings
    return shownAs('Chaos', { name: name ?? undefined, enabled, errorRate, latencyMs, latencyRate, ...counts })
  }

  /** @internal */
  [WHY_BOUND](): string {
    return 'chaos is switched on and off in this thread, which workers would not hear of'
  }
}

/**
 * Fails and delays calls on purpose, to check in tests and on game days that the policies around them do what they should. Put it
 * innermost, in place of the network.
 *
 * Thread-safety: each thread has its own; a run of `execute` that uses it stays in this thread.
 *
 * @param options - see {@link ChaosOptions}; without any it does nothing
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const faults = chaos({
 *   errorRate: 0.1,
 *   latencyMs: 200,
 *   latencyRate: 0.3,
 *   enabled: process.env['GAME_DAY'] === '1',
 * })
 * const client = pipeline(retry({ maxRetries: 3 }), timeout(500), faults)
 * const call = client.wrap(loadUser)
 */
export function chaos(options: ChaosOptions = {}): Chaos {
  return new Chaos(options)
}
