import { builtins } from '../../internal/builtins.js'

/** Stands for this copy of the package. */
const self = {}

/** All copies in a thread hear of it when one starts a worker. */
const CHANNEL = 'amorsize:worker-start'

/** Tells the other copies of the package in this thread that this one starts a worker. */
export function tellOthers(): void {
  builtins.diagnosticsChannel.channel(CHANNEL).publish(self)
}

/**
 * Hears when another copy starts a worker: nobody may come back to this one, as Jest gives each test file a copy of its own.
 *
 * @returns ends that; until then the listener is kept in memory
 */
export function hearOthers(othersStart: () => void): () => void {
  const heard = (copy: unknown): void => {
    if (copy !== self) othersStart()
  }
  builtins.diagnosticsChannel.subscribe(CHANNEL, heard)
  return () => {
    builtins.diagnosticsChannel.unsubscribe(CHANNEL, heard)
  }
}
