/** The promise that `acquire` returns to every caller that need not wait: one for all, so that none is made per call. */
export const GRANTED = Promise.resolve()
