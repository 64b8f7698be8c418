import { PLENTY } from '../support/limits.mjs'

export const decide = [
  {
    path: 'await',
    call: 'await limiter.schedule(fn)',
    async make(load) {
      const { default: Bottleneck } = await load('bottleneck')
      const limiter = new Bottleneck({
        reservoir: PLENTY,
        reservoirRefreshAmount: PLENTY,
        reservoirRefreshInterval: 1000,
      })
      const task = () => Promise.resolve()
      return () => limiter.schedule(task)
    },
  },
]

const done = () => Promise.resolve()
/** Its reservoir is filled this often, or less. */
const REFRESH_MS = 250

/** Evenly spaced calls; a burst would be a reservoir, which is as large as {@link REFRESH_MS} of the rate. */
export async function wait(load, rate, burst) {
  if (burst > 1) return null
  const { default: Bottleneck } = await load('bottleneck')
  const limiter = new Bottleneck({ minTime: 1000 / rate })
  return (released) => void limiter.schedule(done).then(released)
}

/** The burst is that of its reservoir; a waiter cannot be taken back. */
export async function acquire(load, rate) {
  const { default: Bottleneck } = await load('bottleneck')
  const size = (rate * REFRESH_MS) / 1000
  const limiter = new Bottleneck({
    reservoir: size,
    reservoirRefreshAmount: size,
    reservoirRefreshInterval: REFRESH_MS,
  })
  return (tokens) => limiter.schedule({ weight: tokens }, done)
}
