import { checkClock, checkSharedName } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkKeys, checkNumber } from '../internal/validate.js'
import { type NameScope, otherParameters, OwnNames } from '../memory/shared-names.js'
import { type RetryBudgetParameters, retryBudgetByName, type SharedRetryBudget } from '../memory/shared-retry-budget.js'
import { PACK, WHY_BOUND, whyBound } from './portable.js'
import { LocalRetryBudgetStore, type RetryBudgetStore } from './retry-budget-store.js'

/** Options of {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Retries for each call, >= 0; default 0.2: one retry for five calls. */
  readonly ratio?: number | undefined
  /** Retries a second that are allowed however few calls there are, >= 0; default 10. */
  readonly minPerSecond?: number | undefined
  /** How long a call counts, milliseconds, > 0; default 10,000. */
  readonly ttlMs?: number | undefined
  /** The same name means the same budget, for everybody within `scope`; on a clock of yours, in this thread. Up to 200 characters. */
  readonly name?: string | undefined
  /** Who shares a name: all threads of this process (default), or all processes of this user on this machine. */
  readonly scope?: 'process' | 'machine' | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

const ownNames = new OwnNames<{ readonly budget: SharedRetryBudget; readonly founding: RetryBudgetParameters }>()

/**
 * Bounds the retries of all calls that share it to a part of those calls: when everything fails, retries do not multiply the
 * load. Within any `ttlMs`: retries <= ratio x calls + minPerSecond x ttlMs / 1000.
 *
 * @example
 * const budget = new RetryBudget({ ratio: 0.1 })
 * const reads = retry({ budget })
 * const writes = retry({ maxRetries: 1, budget })
 */
export class RetryBudget {
  readonly #budget: SharedRetryBudget
  readonly #name: string | null
  readonly #scope: NameScope
  readonly #parameters: RetryBudgetParameters
  readonly #clock: Clock

  /**
   * @param options - see {@link RetryBudgetOptions}
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when one is out of range
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when `name` is in use with other parameters, or cannot be shared
   */
  constructor(options: RetryBudgetOptions = {}) {
    checkKeys('RetryBudget', options, ['ratio', 'minPerSecond', 'ttlMs', 'name', 'scope', 'clock'])
    const { ratio = 0.2, minPerSecond = 10, ttlMs = 10_000, clock = systemClock } = options
    checkNumber('ratio', ratio, { min: 0, max: 1000 })
    checkNumber('minPerSecond', minPerSecond, { min: 0, max: 1e9 })
    checkNumber('ttlMs', ttlMs, { min: 1, max: 86_400_000 })
    const { name, scope } = checkSharedName(options.name, options.scope)
    checkClock('clock', clock)
    const parameters = { ratio, minPerSecond, ttlMs }
    this.#name = name
    this.#scope = scope
    this.#parameters = parameters
    this.#clock = clock
    this.#budget = name === null ? onClock(newStore(parameters), clock) : budgetByName(name, scope, parameters, clock)
  }

  /** Retries that could be made now; may be fractional, may be out of date already. */
  get available(): number {
    return this.#budget.available()
  }

  /** Counts a call. Policies do this for each call, not for its retries. */
  deposit(): void {
    this.#budget.deposit()
  }

  /** Takes one retry from the budget. @returns whether there was one */
  tryWithdraw(): boolean {
    return this.#budget.tryWithdraw()
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    const bound = whyBound({ who: 'the retry budget', name: this.#name, isNameShared: true, clock: this.#clock })
    return bound ?? (this.#name === null ? 'the retry budget has no name, so it is of this thread alone' : undefined)
  }

  /** @internal */
  [PACK](): RetryBudgetOptions {
    return { ...this.#parameters, name: this.#name ?? undefined, scope: this.#scope }
  }
}

function newStore({ ratio, minPerSecond, ttlMs }: RetryBudgetParameters): RetryBudgetStore {
  return new LocalRetryBudgetStore(ratio, (minPerSecond * ttlMs) / 1000, ttlMs)
}

function onClock(store: RetryBudgetStore, clock: Clock): SharedRetryBudget {
  return {
    deposit: () => store.deposit(clock.now()),
    tryWithdraw: () => store.tryWithdraw(clock.now()),
    available: () => store.available(clock.now()),
  }
}

/** Every thread gets the same budget, in scope 'machine' every process; on a clock of the caller's own, or without the addon, this thread. */
function budgetByName(name: string, scope: NameScope, parameters: RetryBudgetParameters, clock: Clock): SharedRetryBudget {
  const { budget, founding } =
    retryBudgetByName(name, scope, parameters, clock) ??
    ownNames.findOrMake(name, scope, clock, () => ({ budget: onClock(newStore(parameters), clock), founding: parameters }))
  if (founding.ratio !== parameters.ratio || founding.minPerSecond !== parameters.minPerSecond || founding.ttlMs !== parameters.ttlMs) {
    const text = ({ ratio, minPerSecond, ttlMs }: RetryBudgetParameters): string => `{ ratio: ${ratio}, minPerSecond: ${minPerSecond}, ttlMs: ${ttlMs} }`
    throw otherParameters(`the retry budget '${name}'`, scope, text(founding), text(parameters))
  }
  return budget
}
