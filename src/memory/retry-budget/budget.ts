/** One retry budget as this thread sees it: through the addon, or through the TypeScript twin. */
export interface SharedRetryBudget {
  /** Counts one call. Bound. */
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
