/** Ctrl-C and `kill`: by them a command that finishes its work in order is asked to. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
/** Signals that end a command that keeps running: those, and a terminal that is closed. */
const END_SIGNALS: readonly NodeJS.Signals[] = [...STOP_SIGNALS, 'SIGHUP']

/**
 * Calls `listener` for each of these signals, by which the process then does not end by itself.
 *
 * @param signals - default: those that tell the process to end
 * @returns what undoes it
 */
export function onSignals(listener: (signal: NodeJS.Signals) => void, signals = END_SIGNALS): () => void {
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

/**
 * Looks now and every `intervalMs`, until a signal comes, or the function given to `giveStop` is called. Rejects with the error of a look.
 */
export function untilInterrupted(
  intervalMs: number,
  look: () => void,
  giveStop: (stop: () => void) => void = () => undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (end: () => void): void => {
      clearInterval(timer)
      letGo()
      end()
    }
    const stop = (): void => finish(resolve)
    const tryLook = (): void => {
      try {
        look()
      } catch (error) {
        finish(() => reject(error))
      }
    }
    const timer = setInterval(tryLook, intervalMs)
    const letGo = onSignals(stop)
    giveStop(stop)
    tryLook()
  })
}

/** Resolves when a signal asks the process to end. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const letGo = onSignals(() => {
      letGo()
      resolve()
    })
  })
}
