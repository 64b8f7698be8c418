/** What `acquire` returns to every caller that need not wait: awaiting it costs what awaiting any resolved promise costs. */
export const GRANTED = Promise.resolve()
