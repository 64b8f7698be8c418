export const title = 'async-sema RateLimit'

/** It keeps an array of its whole limit, so its limit is as large as a loop can use up in its time unit, and not larger. */
const LIMIT = 500_000
/** Short, so that a measurement sees its timers fire, one for each call. */
const TIME_UNIT_MS = 50

export const decide = [
  {
    path: 'await',
    call: 'await limit()',
    async make(load) {
      const { RateLimit } = await load('async-sema')
      return RateLimit(LIMIT, { timeUnit: TIME_UNIT_MS })
    },
  },
]
