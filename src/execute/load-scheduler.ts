/** What `scheduler.ts` exports. */
export type Scheduler = typeof import('./scheduler.js')

let loaded: Scheduler | undefined

/** The scheduler, if a run has needed it. */
export function schedulerIfLoaded(): Scheduler | undefined {
  return loaded
}

/** Loads the scheduler when the first run needs it: most programs that import the package never have such a run. */
export async function loadScheduler(): Promise<Scheduler> {
  return (loaded ??= await import('./scheduler.js'))
}
