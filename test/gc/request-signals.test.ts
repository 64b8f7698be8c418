import { getEventListeners } from 'node:events'
import { policyFetch, type PolicyFetchOptions } from 'amorsize/http'
import { expect, it } from 'vitest'
import { leftByARound, LITTLE_NOISE_BYTES } from '../support/memory.js'

const REQUESTS = 20_000

it.each<[string, PolicyFetchOptions, string | null]>([
  ['a time limit', { timeoutMs: 60_000 }, null],
  ['a time limit, and bodies that nobody reads', { timeoutMs: 60_000 }, 'x'],
  ['a hedge', { hedge: { afterMs: 60_000 } }, null],
])(
  'requests by the ten thousand under a signal that outlives them leave nothing with it: with %s',
  async (_, options, body) => {
    const { signal } = new AbortController()
    const send = policyFetch({ ...options, fetch: () => Promise.resolve(new Response(body)) })
    const round = async (): Promise<void> => {
      for (let n = 0; n < REQUESTS; n += 100) {
        for (let one = 0; one < 100; one++) await send('http://a.example/', { signal })
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expect(await leftByARound(round, 'heapUsed')).toBeLessThan(LITTLE_NOISE_BYTES)
    if (body === null) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  },
  240_000,
)
