import { PLENTY } from '../support/limits.mjs'

export const decide = [
  {
    path: 'await',
    call: 'await queue.add(fn)',
    async make(load) {
      const { default: PQueue } = await load('p-queue')
      const queue = new PQueue({ intervalCap: PLENTY, interval: 1000 })
      const done = () => undefined
      return () => queue.add(done)
    },
  },
]

/** A burst of n is n calls per n intervals of 1/rate. */
export async function wait(load, rate, burst) {
  const { default: PQueue } = await load('p-queue')
  const queue = new PQueue({ intervalCap: burst, interval: (burst * 1000) / rate })
  return (released) => void queue.add(released)
}

/** All calls cost the same. */
export async function acquire(load, rate, burst, isEqual) {
  if (!isEqual) return null
  const { default: PQueue } = await load('p-queue')
  const queue = new PQueue({ intervalCap: burst, interval: (burst * 1000) / rate })
  const done = () => undefined
  return (tokens, signal) => queue.add(done, { signal })
}

export async function items(load, limit) {
  const { default: PQueue } = await load('p-queue')
  return (items, fn) => new PQueue({ concurrency: limit }).addAll(items.map((item) => () => fn(item)))
}
