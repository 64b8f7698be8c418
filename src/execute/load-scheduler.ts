/** What `scheduler.ts` exports. */
export type Scheduler = typeof import('./scheduler.js')

let loaded: Scheduler | undefined

/** The scheduler, if a run has needed it. */
export function schedulerIfLoaded(): Scheduler | undefined {
  return loaded
}

/** Loads the scheduler when the first run needs it: most programs that import the package never have such a run. */
export function loadScheduler(): Promise<Scheduler> {
  const loading = load()
  // A run that awaits it hears that it cannot be loaded, for want of a file descriptor, say; one that has ended without need not.
  loading.catch(() => undefined)
  return loading
}

async function load(): Promise<Scheduler> {
  return (loaded ??= await import('./scheduler.js'))
}
