import { afterEach, expect, it } from 'vitest'
import { RedisKeyedRateLimiter, RedisRateLimiter, type RedisDecision } from '../../../dist/redis/index.js'

interface Limiter {
  decide(o?: { signal?: AbortSignal }): Promise<RedisDecision>
  tryAcquire(o?: { signal?: AbortSignal }): Promise<boolean>
  pauseFor(o?: { signal?: AbortSignal }): Promise<void>
}

const opened: { close(): void }[] = []
afterEach(() => opened.splice(0).forEach((limiter) => limiter.close()))

/** A server that answers when it is told to, and grants all that it is asked for. */
function heldServer() {
  const held: (() => void)[] = []
  return {
    asked: 0,
    send(command: readonly string[]): Promise<unknown> {
      this.asked++
      return new Promise((resolve) => held.push(() => resolve([String(command[4]), '0', '1000', '0'])))
    },
    answer: () => held.splice(0).forEach((each) => each()),
  }
}

const options = { name: 'given-up', requestsPerSecond: 1000, burstSize: 100, timeoutMs: 10_000 }

function open(kind: string, client: ReturnType<typeof heldServer>): Limiter {
  if (kind === 'RedisRateLimiter') {
    const limiter = new RedisRateLimiter(client, options)
    opened.push(limiter)
    return {
      decide: (o) => limiter.decide(1, o),
      tryAcquire: (o) => limiter.tryAcquire(1, o),
      pauseFor: (o) => limiter.pauseFor(1000, o),
    }
  }
  const limiter = new RedisKeyedRateLimiter(client, { ...options, capacity: 100 })
  opened.push(limiter)
  return {
    decide: (o) => limiter.decide('k', 1, o),
    tryAcquire: (o) => limiter.tryAcquire('k', 1, o),
    pauseFor: (o) => limiter.pauseFor('k', 1000, o),
  }
}

const kinds = ['RedisRateLimiter', 'RedisKeyedRateLimiter']
const cases = kinds.flatMap((kind) => [[kind, 'decide'] as const, [kind, 'tryAcquire'] as const])
const pauses = kinds.map((kind) => [kind, 'pauseFor'] as const)

it.each(cases)('%s.%s rejects with the reason of its signal', async (kind, method) => {
  const server = heldServer()
  const limiter = open(kind, server)
  const reason = new Error('enough')
  await expect(limiter[method]({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(server.asked).toBe(0)

  const controller = new AbortController()
  const asking = limiter[method]({ signal: controller.signal })
  controller.abort(reason)
  await expect(asking).rejects.toBe(reason)
  expect(server.asked).toBe(1)

  // What comes too late is there for the next; by key nothing is kept.
  server.answer()
  await new Promise(setImmediate)
  const next = limiter.tryAcquire()
  if (kind === 'RedisKeyedRateLimiter') server.answer()
  expect(await next).toBe(true)
  expect(server.asked).toBe(kind === 'RedisKeyedRateLimiter' ? 2 : 1)
})

it.each(kinds)(
  '%s.pauseFor waits for the server no longer than its signal says, and pauses all the same',
  async (kind) => {
    const server = heldServer()
    const limiter = open(kind, server)
    const reason = new Error('enough')
    await expect(limiter.pauseFor({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.asked).toBe(0)

    const controller = new AbortController()
    const pausing = limiter.pauseFor({ signal: controller.signal })
    controller.abort(reason)
    await expect(pausing).rejects.toBe(reason)
    expect(server.asked).toBe(1)
    expect(await limiter.decide()).toMatchObject({ allowed: false })
    expect(server.asked).toBe(1)
  },
)

it('has no more in hand of what comes too late than may be there', async () => {
  const server = heldServer()
  const limiter = new RedisRateLimiter(server, { ...options, name: 'given-up-many' })
  opened.push(limiter)
  const controller = new AbortController()
  const asking = [50, 40].map((tokens) => limiter.decide(tokens, { signal: controller.signal }))
  controller.abort()
  expect(await Promise.allSettled(asking)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
  server.answer()
  await new Promise(setImmediate)
  // A tenth of the burst.
  expect(await limiter.decide(10)).toMatchObject({ allowed: true, source: 'lease', remaining: 0 })
})

it('loses what comes too late where nothing may be in hand', async () => {
  const server = heldServer()
  const limiter = new RedisRateLimiter(server, { ...options, name: 'given-up-exact', mode: 'exact' })
  opened.push(limiter)
  const controller = new AbortController()
  const asking = limiter.decide(1, { signal: controller.signal })
  controller.abort()
  await expect(asking).rejects.toBe(controller.signal.reason)
  server.answer()
  const next = limiter.decide()
  await new Promise(setImmediate)
  server.answer()
  expect(await next).toMatchObject({ allowed: true, source: 'redis' })
  expect(limiter.stats()).toMatchObject({ allowed: 1, denied: 0, roundTrips: 2 })
})

it.each([...cases, ...pauses])('%s.%s refuses other options', async (kind, method) => {
  const limiter = open(kind, heldServer())
  const refused = { name: 'TypeError', message: expect.stringContaining(`unknown ${method} option 'sinal'`) as string }
  await expect(limiter[method]({ sinal: 1 } as never)).rejects.toMatchObject(refused)
  const none = null as unknown as undefined
  await expect(limiter[method](none)).rejects.toThrow(`${method} options must be an object; received null`)
  const wrong = { signal: 5 as unknown as AbortSignal }
  await expect(limiter[method](wrong)).rejects.toThrow('signal must be an AbortSignal; received 5 (number)')
})
