/** What keeps account of a run's items. Called in this thread by the engine; several may be attached. */
export interface RunRecorder {
  /** Whether `index` was finished in an earlier run, so that it must not run again. */
  finishedBefore?(index: number): { readonly result: unknown } | undefined
  /** Called in order for each item as it is taken from the source, before it runs. May throw to refuse the run. */
  itemTaken?(index: number, item: unknown): void
  itemFinished?(index: number, result: unknown): void
  /** An item that failed for good. */
  itemFailed?(index: number, item: unknown, error: unknown, attempts: number): void
  /** Resolves when all that was told is safe. The engine awaits it before the run ends, and from time to time as back-pressure. */
  flush?(): Promise<void>
  /** The run has ended, well or not. Always called once. */
  close?(): Promise<void>
}
