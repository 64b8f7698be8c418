import { nativeAddon } from '../internal/native.js'

declare module '../internal/native.js' {
  /** The functions of native/binding/retry_budget_binding.cc; all on the system's clock. */
  interface NativeAddon {
    budgetOpenNamed(name: string, ratio: number, reserve: number, ttlMs: number, founding: Float64Array): [deposit: () => void, number: number]
    budgetTryWithdraw(number: number): boolean
    budgetAvailable(number: number): number
  }
}

/** A retry budget in memory that all threads share. */
export interface SharedRetryBudget {
  /** Counts one call. Bound, and one native call. */
  readonly deposit: () => void
  tryWithdraw(): boolean
  available(): number
}

/**
 * The budget of `name` on the system's clock, made by whoever asks first, and what it was founded with; null without the addon.
 *
 * @param reserve - retries that are always there within `ttlMs`
 */
export function retryBudgetByName(
  name: string,
  ratio: number,
  reserve: number,
  ttlMs: number,
): { budget: SharedRetryBudget; ratio: number; reserve: number; ttlMs: number } | null {
  const addon = nativeAddon()
  if (addon === null) return null
  const founding = new Float64Array(3)
  const [deposit, number] = addon.budgetOpenNamed(name, ratio, reserve, ttlMs, founding)
  const budget = {
    deposit,
    tryWithdraw: () => addon.budgetTryWithdraw(number),
    available: () => addon.budgetAvailable(number),
  }
  return { budget, ratio: founding[0] as number, reserve: founding[1] as number, ttlMs: founding[2] as number }
}
