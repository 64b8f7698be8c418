import { SharedMemoryError } from '../../errors.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { CELL_BYTES, KIND, kindWord, RETRY_BUDGET, WORDS_PER_CELL } from '../shared/layout.js'
import { openName } from '../shared/machine-names.js'
import { addonForNames, type NameScope } from '../shared/names.js'
import { allocateCells, type CellAddress, viewCells } from '../shared/region.js'

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

type Opened = [deposit: () => void, number: number]

/** A retry budget on a clock; with a name on the system's, in memory that all threads share. */
export interface SharedRetryBudget {
  /** Counts one call. Bound; in shared memory one native call without arguments. */
  readonly deposit: () => void
  tryWithdraw(): boolean
  /** How many retries are in the budget; may be fractional. */
  available(): number
  /** Lets go of its memory, where the addon has it. Nothing may be called afterwards. */
  letGo?(): void
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
  const opened = openName(name, () =>
    addon.budgetOpenNamed(name, ratio, minPerSecond, ttlMs, scope === 'machine', founding),
  )
  return {
    budget: throughAddon(addon, opened),
    founding: { ratio: founding[0] as number, minPerSecond: founding[1] as number, ttlMs: founding[2] as number },
  }
}

/** A retry budget without a name, and where its cells are. */
export interface PlacedRetryBudget {
  readonly budget: SharedRetryBudget
  readonly address: CellAddress
}

/**
 * Makes a budget in cells of its own, of what one in a thread's own memory holds.
 *
 * @param balances - ratio x calls - retries of each slice that counts, the newest first
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' without the addon
 */
export function createRetryBudget(
  { ratio, minPerSecond, ttlMs }: RetryBudgetParameters,
  balances: readonly number[],
): PlacedRetryBudget {
  const addon = addonForBudgets()
  const address = allocateCells(RETRY_BUDGET.cells)
  const view = new BigInt64Array(address.buffer, address.cell * CELL_BYTES, RETRY_BUDGET.cells * WORDS_PER_CELL)
  addon.budgetInitialize(view, ratio, minPerSecond, ttlMs)
  const newest = Math.floor((systemClock.now() * 1e6) / Number(view[RETRY_BUDGET.sliceNs])) + 1
  balances.forEach((balance, age) => {
    const slice = newest - age
    // Nobody else can see the cells yet. Slice 0 is none.
    if (slice > 0) view[RETRY_BUDGET.firstSlice + (slice % RETRY_BUDGET.kept)] = sliceWord(slice, balance)
  })
  return { budget: throughAddon(addon, addon.budgetOpen(view)), address }
}

/**
 * Opens a budget that another thread may have made. Throws as `viewCells` does.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' without the addon
 */
export function openRetryBudget(address: CellAddress): PlacedRetryBudget {
  const addon = addonForBudgets()
  const view = viewCells(address, RETRY_BUDGET.cells, kindWord(KIND.retryBudget))
  return { budget: throughAddon(addon, addon.budgetOpen(view)), address }
}

function throughAddon(addon: NativeAddon, [deposit, number]: Opened): SharedRetryBudget {
  return {
    deposit,
    tryWithdraw: () => addon.budgetTryWithdraw(number),
    available: () => addon.budgetAvailable(number),
    letGo: () => addon.budgetLetGo(number),
  }
}

function addonForBudgets(): NativeAddon {
  const addon = nativeAddon()
  if (addon !== null) return addon
  throw new SharedMemoryError('retry budgets are shared by the native addon, which is not loaded', {
    reason: 'unavailable',
  })
}

/** The word of a slice, as native/core/retry_budget.h reads it. */
function sliceWord(slice: number, balance: number): bigint {
  const most = 2 ** (RETRY_BUDGET.balanceBits - 1) - 1
  const units = Math.min(most, Math.max(-most, Math.round(balance * 2 ** RETRY_BUDGET.unitBits)))
  const number = slice % 2 ** (63 - RETRY_BUDGET.balanceBits)
  return (BigInt(number) << BigInt(RETRY_BUDGET.balanceBits)) | BigInt(units + most)
}
