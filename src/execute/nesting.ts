/** Marks a thread as a worker of ours, for every copy of the package that is loaded in it. */
const mark = Symbol.for('amorsize.worker')

interface Marked {
  [mark]?: { isLoading: boolean }
}

/** Says that this thread is a worker of ours. */
export function markAsWorker(): { isLoading: boolean } {
  return ((globalThis as Marked)[mark] = { isLoading: false })
}

/** Whether this thread is a worker of ours: what runs in it shares the budget of its run, so it starts no workers. */
export function isWorkerOfOurs(): boolean {
  return (globalThis as Marked)[mark] !== undefined
}

/** Whether a worker of ours is importing the task's module at this moment. */
export function isLoadingTask(): boolean {
  return (globalThis as Marked)[mark]?.isLoading === true
}
