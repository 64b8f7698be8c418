import { RateLimiter } from 'amorsize'
import { metricsText, registerNewObjects, registerObject } from 'amorsize/metrics'
import { expect, it } from 'vitest'

const labels = (): string[] =>
  [...metricsText({ machine: false }).matchAll(/^amorsize_limiter_tokens\{name="([^"]*)"/gm)].map(([, label]) => label!)

it('keeps nothing alive that nobody else holds', async () => {
  const end = registerNewObjects()
  const kept = new RateLimiter({ name: 'kept' })
  registerObject('mine', kept)
  ;(() => {
    for (let i = 0; i < 50; i++) new RateLimiter()
  })()
  expect(labels().length).toBeGreaterThan(50)
  end()
  await expect
    .poll(
      async () => {
        await new Promise(setImmediate)
        gc!()
        return labels()
      },
      { timeout: 20_000 },
    )
    .toEqual(['kept', 'mine'])
  expect(kept.tryAcquire()).toBe(true)
})
