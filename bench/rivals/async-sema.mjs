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

/** A burst of n is n calls per n intervals of 1/rate. */
const limitOf = async (load, rate, burst) =>
  (await load('async-sema')).RateLimit(burst, { timeUnit: (burst * 1000) / rate })

export async function wait(load, rate, burst) {
  const limit = await limitOf(load, rate, burst)
  return (released) => void limit().then(released)
}

/** All calls cost the same, and a waiter cannot be taken back. */
export async function acquire(load, rate, burst, isEqual) {
  return isEqual ? limitOf(load, rate, burst) : null
}
