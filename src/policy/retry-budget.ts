import { SharedMemoryError } from '../errors.js'
import { checkClock, checkName } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkKeys, checkNumber, checkOneOf } from '../internal/validate.js'
import { LocalRetryBudgetStore, type RetryBudgetStore } from './retry-budget-store.js'

/** Options of {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Retries for each call, >= 0; default 0.2: one retry for five calls. */
  readonly ratio?: number | undefined
  /** Retries a second that are allowed however few calls there are, >= 0; default 10. */
  readonly minPerSecond?: number | undefined
  /** How long a call counts, milliseconds, > 0; default 10,000. */
  readonly ttlMs?: number | undefined
  /** The same name is the same budget. */
  readonly name?: string | undefined
  /** Who shares a name: 'process' (default) or 'machine'. */
  readonly scope?: 'process' | 'machine' | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

const stores = new Map<string, { store: RetryBudgetStore; parameters: string }>()

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
  readonly #clock: Clock
  readonly #store: RetryBudgetStore

  /**
   * @param options - see {@link RetryBudgetOptions}
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when one is out of range
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when `name` is in use with other parameters
   */
  constructor(options: RetryBudgetOptions = {}) {
    checkKeys('RetryBudget', options, ['ratio', 'minPerSecond', 'ttlMs', 'name', 'scope', 'clock'])
    const { ratio = 0.2, minPerSecond = 10, ttlMs = 10_000, scope = 'process', clock = systemClock } = options
    checkNumber('ratio', ratio, { min: 0, max: 1000 })
    checkNumber('minPerSecond', minPerSecond, { min: 0, max: 1e9 })
    checkNumber('ttlMs', ttlMs, { min: 1, max: 86_400_000 })
    checkOneOf('scope', scope, ['process', 'machine'])
    const name = checkName('name', options.name)
    this.#clock = checkClock('clock', clock)
    const make = (): RetryBudgetStore => new LocalRetryBudgetStore(ratio, (minPerSecond * ttlMs) / 1000, ttlMs)
    this.#store = name === null ? make() : named(name, JSON.stringify({ ratio, minPerSecond, ttlMs }), make)
  }

  /** Retries that could be made now; may be fractional, may be out of date already. */
  get available(): number {
    return this.#store.available(this.#clock.now())
  }

  /** Counts a call. Policies do this for each call, not for its retries. */
  deposit(): void {
    this.#store.deposit(this.#clock.now())
  }

  /** Takes one retry from the budget. @returns whether there was one */
  tryWithdraw(): boolean {
    return this.#store.tryWithdraw(this.#clock.now())
  }
}

function named(name: string, parameters: string, make: () => RetryBudgetStore): RetryBudgetStore {
  const existing = stores.get(name)
  if (existing === undefined) {
    const store = make()
    stores.set(name, { store, parameters })
    return store
  }
  if (existing.parameters !== parameters) {
    throw new SharedMemoryError(`the retry budget '${name}' is in use with ${existing.parameters}, not ${parameters}`, {
      reason: 'parameters-differ',
    })
  }
  return existing.store
}
