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
