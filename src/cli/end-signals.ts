/** What tells a command that runs on to end: Ctrl-C, `kill`, and a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Calls `listener` for each signal that tells the process to end, which then does not end by itself.
 *
 * @returns what undoes it
 */
export function onEndSignal(listener: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

/**
 * Looks now and again and again, until the process is told to end, or whoever got `stop` from `giveStop` says so. Rejects with what a look throws.
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
    const letGo = onEndSignal(stop)
    giveStop(stop)
    tryLook()
  })
}

/** Resolves when the process is told to end. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const letGo = onEndSignal(() => {
      letGo()
      resolve()
    })
  })
}
