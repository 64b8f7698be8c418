import type { Clock } from '../internal/clock.js'
import { openName } from './machine-names.js'
import { addonForNames, type NameScope } from './shared-names.js'

declare module '../internal/native.js' {
  /** The functions of native/binding/retry_budget_binding.cc; all on the system's clock. */
  interface NativeAddon {
    budgetOpenNamed(name: string, ratio: number, minPerSecond: number, ttlMs: number, machine: boolean, founding: Float64Array): [deposit: () => void, number: number]
    budgetTryWithdraw(number: number): boolean
    budgetAvailable(number: number): number
  }
}

/** A retry budget on a clock; with a name on the system's, in memory that all threads share. */
export interface SharedRetryBudget {
  /** Counts one call. Bound; in shared memory one native call without arguments. */
  readonly deposit: () => void
  tryWithdraw(): boolean
  /** How many retries are in the budget; may be fractional. */
  available(): number
}

/** What a retry budget was made with. */
export interface RetryBudgetParameters {
  /** Retries for each call. */
  readonly ratio: number
  /** Retries that are there besides. */
  readonly minPerSecond: number
  /** How long calls and retries count. */
  readonly ttlMs: number
}

/**
 * The budget of `name`, made by whoever asks first, and what it was founded with; null where names are this thread's own.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name cannot be shared with the machine
 */
export function retryBudgetByName(
  name: string,
  scope: NameScope,
  parameters: RetryBudgetParameters,
  clock: Clock,
): { budget: SharedRetryBudget; founding: RetryBudgetParameters } | null {
  const addon = addonForNames(name, scope, clock)
  if (addon === null) return null
  const { ratio, minPerSecond, ttlMs } = parameters
  const founding = new Float64Array(3)
  const [deposit, number] = openName(name, () => addon.budgetOpenNamed(name, ratio, minPerSecond, ttlMs, scope === 'machine', founding))
  const budget = {
    deposit,
    tryWithdraw: () => addon.budgetTryWithdraw(number),
    available: () => addon.budgetAvailable(number),
  }
  return { budget, founding: { ratio: founding[0] as number, minPerSecond: founding[1] as number, ttlMs: founding[2] as number } }
}
