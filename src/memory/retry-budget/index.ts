import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { addonTime } from '../shared/addon-time.js'
import { KIND, kindWord, RETRY_BUDGET } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'

/** Parameters of a retry budget. */
export interface RetryBudgetParameters {
  /** Retries per call. */
  readonly ratio: number
  /** Retries per second in addition. */
  readonly minPerSecond: number
  /** How long calls and retries count, ms. */
  readonly ttlMs: number
}

type Opened = [deposit: () => void, number: number]

declare module '../../internal/native.js' {
  /** The functions of native/binding/retry_budget_binding.cc. A time of NaN stands for the addon's own clock. */
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
    budgetDeposit(number: number, nowMs: number): void
    budgetTryWithdraw(number: number, nowMs: number): boolean
    budgetAvailable(number: number, nowMs: number): number
    budgetLetGo(number: number): void
  }
}

/** One retry budget as this thread sees it. */
export class SharedRetryBudget {
  /** Counts one call. Bound: may be called on its own. */
  readonly deposit: () => void
  readonly #core: NativeAddon
  /** The addon frees the budget's number when this call is collected. */
  readonly #owner: () => void
  readonly #number: number
  readonly #clock: Clock

  constructor(core: NativeAddon, [deposit, number]: Opened, clock: Clock) {
    this.#core = core
    this.#owner = deposit
    this.#number = number
    this.#clock = clock
    this.deposit = clock === systemClock ? this.#owner : () => core.budgetDeposit(this.#number, addonTime(clock))
  }

  tryWithdraw(): boolean {
    return this.#core.budgetTryWithdraw(this.#number, addonTime(this.#clock))
  }

  /** How many retries are in the budget; may be fractional. */
  available(): number {
    return this.#core.budgetAvailable(this.#number, addonTime(this.#clock))
  }

  /** Releases its memory, if it has a name. Nothing may be called afterwards. */
  letGo(): void {
    this.#core.budgetLetGo(this.#number)
  }
}

/** Retry budgets; a new one has its reserve. */
export const retryBudgets = new Subjects<SharedRetryBudget, RetryBudgetParameters>({
  word: kindWord(KIND.retryBudget),
  called: 'the retry budget',
  cells: () => RETRY_BUDGET.cells,
  make: (core, view, { ratio, minPerSecond, ttlMs }, clock) => {
    core.budgetInitialize(view, ratio, minPerSecond, ttlMs)
    return new SharedRetryBudget(core, core.budgetOpen(view), clock)
  },
  open: (core, view, parameters, clock) => ({
    subject: new SharedRetryBudget(core, core.budgetOpen(view), clock),
    parameters,
  }),
  named: (core, name, scope, asked, clock) => {
    const founding = new Float64Array(3)
    const opened = core.budgetOpenNamed(
      name,
      asked.ratio,
      asked.minPerSecond,
      asked.ttlMs,
      scope === 'machine',
      founding,
    )
    const [ratio, minPerSecond, ttlMs] = founding as unknown as [number, number, number]
    return { subject: new SharedRetryBudget(core, opened, clock), parameters: { ratio, minPerSecond, ttlMs } }
  },
  text: ({ ratio, minPerSecond, ttlMs }) => `{ ratio: ${ratio}, minPerSecond: ${minPerSecond}, ttlMs: ${ttlMs} }`,
})
