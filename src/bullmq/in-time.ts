import { realClearTimeout, realSetTimeout } from '../internal/time/real-timers.js'

/** BullMQ waits for ever for a server that is away. We wait this long when a run or a worker begins or ends. */
export const ANSWER_MS = 5000

/** Settles as `work` does, or rejects if that takes longer than `ms`. */
export async function inTime<T>(work: Promise<T>, ms = ANSWER_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = realSetTimeout(() => reject(new Error(`the server did not answer within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    realClearTimeout(timer)
  }
}
