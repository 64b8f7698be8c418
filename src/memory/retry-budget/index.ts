import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { KIND, kindWord, RETRY_BUDGET } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import type { RetryBudgetParameters, SharedRetryBudget } from './budget.js'
import { TwinRetryBudget } from './twin.js'

type Opened = [deposit: () => void, number: number]

declare module '../../internal/native.js' {
  /** The functions of native/binding/retry_budget_binding.cc; all on the system's clock. */
  interface NativeAddon {
    budgetInitialize(view: BigInt64Array, ratio: number, minPerSecond: number, ttlMs: number): void
    budgetOpen(view: BigInt64Array): Opened
    budgetOpenNamed(
      name: string,
      ratio: number,
      minPerSecond: number,
      ttlMs: number,
      machine: boolean,
      founding: Float64Array,
    ): Opened
    budgetTryWithdraw(number: number): boolean
    budgetAvailable(number: number): number
    budgetLetGo(number: number): void
  }
}

/** Retry budgets; a new one has its reserve. */
export const retryBudgets = new Subjects<SharedRetryBudget, RetryBudgetParameters>({
  word: kindWord(KIND.retryBudget),
  called: 'the retry budget',
  cells: () => RETRY_BUDGET.cells,
  make: (addon, view, parameters, clock) => {
    const { ratio, minPerSecond, ttlMs } = parameters
    if (addon === null) TwinRetryBudget.initialize(view, parameters)
    else addon.budgetInitialize(view, ratio, minPerSecond, ttlMs)
    return open(addon, view, clock)
  },
  open,
  named: (addon, name, scope, asked) => {
    const founding = new Float64Array(3)
    const { ratio, minPerSecond, ttlMs } = asked
    const opened = addon.budgetOpenNamed(name, ratio, minPerSecond, ttlMs, scope === 'machine', founding)
    const [inRatio, inMinPerSecond, inTtlMs] = founding as unknown as [number, number, number]
    return {
      subject: throughAddon(addon, opened),
      parameters: { ratio: inRatio, minPerSecond: inMinPerSecond, ttlMs: inTtlMs },
    }
  },
  text: ({ ratio, minPerSecond, ttlMs }) => `{ ratio: ${ratio}, minPerSecond: ${minPerSecond}, ttlMs: ${ttlMs} }`,
})

function open(addon: NativeAddon | null, view: BigInt64Array, clock: Clock): SharedRetryBudget {
  if (addon === null || clock !== systemClock) return new TwinRetryBudget(view, clock)
  return throughAddon(addon, addon.budgetOpen(view))
}

function throughAddon(addon: NativeAddon, [deposit, number]: Opened): SharedRetryBudget {
  return {
    deposit,
    tryWithdraw: () => addon.budgetTryWithdraw(number),
    available: () => addon.budgetAvailable(number),
    letGo: () => addon.budgetLetGo(number),
  }
}
