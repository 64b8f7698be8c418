/** Ctrl-C and `kill`: these ask a command to finish its work in order. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
/** Signals that end a command that would keep running: the above, and SIGHUP when its terminal is closed. */
const END_SIGNALS: readonly NodeJS.Signals[] = [...STOP_SIGNALS, 'SIGHUP']

/**
 * Calls `listener` for each of these signals. Until that is undone, they do not end the process by themselves.
 *
 * @param signals - default: SIGINT, SIGTERM and SIGHUP
 * @returns a function that undoes this
 */
export function onSignals(listener: (signal: NodeJS.Signals) => void, signals = END_SIGNALS): () => void {
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

/**
 * Calls `look` now and every `intervalMs`, until a signal comes or the function given to `giveStop` is called. Rejects if `look` throws.
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
