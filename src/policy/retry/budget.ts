import { SharedMemoryError } from '../../errors.js'
import { announceCreated } from '../../internal/created.js'
import { checkSharedName } from '../../internal/options/check-common.js'
import {
  clockOption,
  dataIn,
  numberOption,
  option,
  type OptionTable,
  rawOption,
  readOptions,
} from '../../internal/options/options.js'
import { describe } from '../../internal/options/validate.js'
import { INSPECT, shownAs, shownName } from '../../internal/text/shown.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { type RetryBudgetParameters, retryBudgets, type SharedRetryBudget } from '../../memory/retry-budget/index.js'
import { addressIn, checkHandleShape } from '../../memory/shared/handles.js'
import type { NameScope } from '../../memory/shared/names.js'
import type { CellAddress, SharedBuffer } from '../../memory/shared/region.js'
import { WHY_BOUND, whyBound } from '../bound.js'

/** Options of {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Retries per call, 0 to 1000; default 0.2: one retry per five calls. Rounded up to a multiple of 2^-20. */
  readonly ratio?: number | undefined
  /** Retries per second that are allowed however few calls there are, 0 to 1e9; default 10. */
  readonly minPerSecond?: number | undefined
  /** How long a call counts, milliseconds, 1 to 86,400,000 (a day); default 10,000. */
  readonly ttlMs?: number | undefined
  /** The same name means the same budget within `scope`, or within this thread if you give a `clock`. Up to 200 characters. */
  readonly name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  readonly scope?: 'process' | 'machine' | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Every option of {@link RetryBudgetOptions}. */
const OPTIONS = {
  ratio: numberOption({ min: 0, max: 1000 }, 0.2),
  minPerSecond: numberOption({ min: 0, max: 1e9 }, 10),
  ttlMs: numberOption({ min: 1, max: 86_400_000 }, 10_000),
  name: rawOption<string>(),
  scope: rawOption<NameScope>(),
  clock: clockOption,
} as const satisfies OptionTable<RetryBudgetOptions>

/**
 * The form in which a retry budget is sent: by `workerData`, `postMessage` or `setEnvironmentData`. `RetryBudget.from` turns it back
 * into a budget that shares the retries.
 */
export interface RetryBudgetHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.RetryBudget'
  /** The options that the budget was made with. */
  readonly options: RetryBudgetParameters & { readonly name?: string; readonly scope: NameScope }
  /** The memory of a budget without a name. */
  readonly buffer?: SharedBuffer
  /** The budget's first cell in `buffer`. */
  readonly cell?: number
}

const HANDLE_KIND = 'amorsize.RetryBudget'

/**
 * Limits the retries of all policies that share it to a part of their calls, so that retries do not multiply the load when everything
 * fails. Within any `ttlMs`: retries <= ratio x calls + minPerSecond x ttlMs / 1000. The calls are those in the `ttlMs` before the
 * last of these retries, give or take a tenth.
 *
 * Thread-safety: each thread has its own object; by `name`, or by `share()` and `RetryBudget.from()`, all share one budget.
 * @example
 * const budget = new RetryBudget({ ratio: 0.1 })
 * const reads = retry({ budget })
 * const writes = retry({ maxRetries: 1, budget })
 */
export class RetryBudget {
  readonly #budget: SharedRetryBudget
  readonly #address: CellAddress | null
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
  constructor(options?: RetryBudgetOptions)
  /** @internal `adopted`: the cells of the budget whose handle was given to `from`. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(options: RetryBudgetOptions, adopted: CellAddress | null)
  constructor(options: RetryBudgetOptions = {}, adopted: CellAddress | null = null) {
    const read = readOptions('RetryBudget', options, OPTIONS)
    const { ratio, minPerSecond, ttlMs, clock } = read
    const { name, scope } = checkSharedName(read.name, read.scope)
    this.#name = name
    this.#scope = scope
    this.#parameters = { ratio, minPerSecond, ttlMs }
    this.#clock = clock
    const placed = retryBudgets.at({ name, scope, address: adopted }, this.#parameters, clock)
    this.#budget = placed.subject
    this.#address = placed.address
    announceCreated(this, 'retry-budget', name)
  }

  /** Retries that could be made now. May be fractional, and may be out of date already. */
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

  /**
   * Returns a handle with which another thread can share the budget; structured-cloneable.
   *
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY for a budget on a clock of your own
   */
  share(): RetryBudgetHandle {
    if (this.#clock !== systemClock) {
      throw new SharedMemoryError(
        'this retry budget runs on a clock of this thread, which cannot be shared; budgets for several threads use the system clock',
        { reason: 'unavailable' },
      )
    }
    const scope = this.#scope
    const options = { ...this.#parameters, scope, ...dataIn({ name: this.#name }, OPTIONS) }
    return { kind: HANDLE_KIND, options, ...this.#address }
  }

  /**
   * Makes a budget that shares the retries of the one whose `share()` made the handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is not such a handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory is of another layout version or holds something else
   */
  static from(handle: RetryBudgetHandle): RetryBudget {
    const { options } = checkHandleShape(handle, HANDLE_KIND, 'options', [])
    return new RetryBudget(options, addressIn(handle))
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    return whyBound({ who: 'the retry budget', name: this.#name, isNameShared: true, clock: this.#clock })
  }

  /** @internal */
  [INSPECT](): object {
    const { available } = this
    return shownAs('RetryBudget', { ...shownName(this.#name, this.#scope), ...this.#parameters, available })
  }
}

/** A retry budget, or undefined. In a policy's handle, it has a handle of its own. */
export const budgetOption = option('here', (name, value): RetryBudget | undefined => {
  if (value === undefined || value instanceof RetryBudget) return value
  throw new TypeError(`${name} must be a RetryBudget; received ${describe(value)}`)
})
