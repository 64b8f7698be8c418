import { PLENTY } from '../support/limits.mjs'

export const decide = [
  {
    path: 'await',
    call: 'await throttled()',
    async make(load) {
      const { default: pThrottle } = await load('p-throttle')
      return pThrottle({ limit: PLENTY, interval: 1000 })(() => undefined)
    },
  },
]
