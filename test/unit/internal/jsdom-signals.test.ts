// jsdom 20, which is that of Jest 29, has signals without a method: the global class is jsdom's there, so they pass for signals of Node.
import { expect, it } from 'vitest'
import { execute, optimize, RateLimiter, retry, stream } from 'amorsize'
import { policyFetch } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'

function controllerOfJsdom(): AbortController {
  const controller = new AbortController()
  Object.defineProperty(controller.signal, 'throwIfAborted', { value: undefined })
  return controller
}

const limit = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1000 })
const send = policyFetch({ fetch: () => Promise.resolve(new Response('2')) })

const calls: Record<string, (signal: AbortSignal) => unknown> = {
  'a policy': (signal) => retry().execute(() => 2, { signal }),
  'a limiter': (signal) => limit.execute(() => 2, { signal }),
  'several limiters': async (signal) => {
    await RateLimiter.all({ limit }).acquire({ limit: 1 }, { signal })
    return 2
  },
  execute: async (signal) => (await execute((n: number) => n * 2, [1], { signal }))[0],
  optimize: async (signal) => (await (await optimize((n: number) => n * 2, [1], { signal })).run())[0],
  stream: async (signal) => {
    for await (const each of stream((n: number) => n * 2, [1], { signal })) return each
    return 0
  },
  policyFetch: async (signal) => Number(await (await send('http://a.test/', { signal })).text()),
}

it.each(Object.entries(calls))('%s takes a signal of jsdom', async (_, call) => {
  const controller = controllerOfJsdom()
  expect(await call(controller.signal)).toBe(2)
  controller.abort(new RangeError('left'))
  await expect(Promise.resolve(controller.signal).then(call)).rejects.toThrow(new RangeError('left'))
})

it('a back-off ends with a signal of jsdom', async () => {
  const controller = controllerOfJsdom()
  const fails = (): Promise<never> => Promise.reject(new Error('failed'))
  const call = retry({ clock: new FakeClock() }).execute(fails, { signal: controller.signal })
  controller.abort(new RangeError('left'))
  await expect(call).rejects.toThrow(new RangeError('left'))
})
