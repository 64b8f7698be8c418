/** BullMQ waits for a server that is away, however long that is: what ends gives up what it still has to tell it after so long. */
export const LEAVE_MS = 5000

/** As `work`, but rejects where that takes too long. */
export async function inTime<T>(work: Promise<T>, ms = LEAVE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the server did not answer within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
