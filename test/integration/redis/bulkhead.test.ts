// Places of a bulkhead that all machines share.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pipeline, retry } from 'amorsize'
import { type RedisBulkhead, type RedisBulkheadOptions, type RedisClient, redisBulkhead } from 'amorsize/redis'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { limitsOverRedis, servers } from '../../support/limits-over-redis.js'
import { clientMakers } from '../../support/redis-clients.js'
import { TestServer } from '../../support/redis-server.js'
import { canShiftClocks, ShiftedClock } from '../../support/shifted-clock.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const patient = { timeout: 20_000, interval: 20 }

/** Work that the test ends. */
function held(bulkhead: RedisBulkhead) {
  let begin!: () => void
  let end!: () => void
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const done = bulkhead.execute(() => {
    begin()
    return new Promise<void>((resolve) => (end = resolve))
  })
  return { begun, done, end: () => end() }
}

describe.skipIf(servers.length === 0)('redisBulkhead (needs redis-server or valkey-server)', () => {
  const { running, connected, fresh } = limitsOverRedis('bulkhead')
  const program = fileURLToPath(new URL('../../fixtures/redis-bulkhead.mjs', import.meta.url))
  const children: ChildProcess[] = []
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const holder = (port: number, options: RedisBulkheadOptions): ChildProcess => {
    const child = fork(program, [String(port), JSON.stringify(options)])
    children.push(child)
    return child
  }

  it.each(servers.flatMap((kind) => Object.keys(clientMakers).map((maker) => [maker, kind] as const)))(
    'lets as many run at once as it says, over several objects, with %s on %s',
    async (maker, kind) => {
      const { client } = await connected(kind, maker)
      const name = fresh()
      const objects = [1, 2, 3].map(() => redisBulkhead(client, { name, maxConcurrent: 3, timeoutMs: 10_000 }))
      let [now, most] = [0, 0]
      const work = async (n: number): Promise<number> => {
        most = Math.max(most, ++now)
        await sleep(5)
        now--
        return n
      }
      const all = Array.from({ length: 30 }, (_, n) => objects[n % 3]!.execute(() => work(n)))
      expect(await Promise.all(all)).toEqual(Array.from({ length: 30 }, (_, n) => n))
      expect(most).toBe(3)
      for (const one of objects) {
        expect(one.stats()).toMatchObject({ calls: 10, running: 0, queued: 0, rejected: 0, fallbacks: 0 })
        one.close()
      }
    },
  )

  describe.each(servers)('on %s', (kind) => {
    const make = async (options: Partial<RedisBulkheadOptions> = {}): Promise<RedisBulkhead> => {
      const { client } = await connected(kind)
      return redisBulkhead(client, { name: fresh(), maxConcurrent: 1, timeoutMs: 10_000, ...options })
    }

    it('serves in order who waits, over all objects', async () => {
      const name = fresh()
      const objects = await Promise.all([1, 2, 3].map(() => make({ name })))
      const first = held(objects[0]!)
      await first.begun
      const order: number[] = []
      const waiting = []
      for (const i of [1, 2, 0]) {
        waiting.push(objects[i]!.execute(() => void order.push(i)))
        await expect.poll(() => objects[i]!.stats().roundTrips, patient).toBeGreaterThan(i === 0 ? 2 : 1)
      }
      first.end()
      await Promise.all(waiting)
      expect(order).toEqual([1, 2, 0])
    })

    it('gives back the place of a holder that was killed after its lease, and not before', async () => {
      const options = { name: fresh(), maxConcurrent: 2, leaseMs: 1500 }
      const two = [1, 2].map(() => holder(running.get(kind)!.port, options))
      await Promise.all(two.map((child) => once(child, 'message')))
      const here = await make(options)
      await expect(make({ ...options, maxWaitMs: 100 }).then((one) => one.execute(() => 1))).rejects.toMatchObject({
        code: 'ERR_BULKHEAD_REJECTED',
        maxConcurrent: 2,
      })
      // Renewed for longer than it lasts.
      await sleep(2000)
      const startMs = performance.now()
      two[0]!.kill('SIGKILL')
      expect(await here.execute(() => 'in')).toBe('in')
      // It was renewed at most a third of it before.
      expect(performance.now() - startMs).toBeGreaterThan(900)
      two[1]!.send('end')
      await once(two[1]!, 'exit')
    })

    it('lets a holder go on that was stopped for longer than its lease, and counts each place once', async () => {
      const options = { name: fresh(), maxConcurrent: 1, leaseMs: 600 }
      const stopped = holder(running.get(kind)!.port, options)
      await once(stopped, 'message')
      const here = await make(options)
      stopped.kill('SIGSTOP')
      const second = held(here)
      await second.begun
      stopped.kill('SIGCONT')
      await sleep(600)
      // Both run by now, and none begins until both have ended.
      let hasBegun = false
      const third = here.execute(() => void (hasBegun = true))
      stopped.send('end')
      await once(stopped, 'exit')
      await sleep(200)
      expect(hasBegun).toBe(false)
      second.end()
      await third
      expect(hasBegun).toBe(true)
    })

    it('counts on when the server forgets: those who hold a place have it again', async () => {
      const server = await TestServer.start(kind)
      const { client, command, close } = await clientMakers['ioredis']!(server.port)
      const options = { name: fresh(), maxConcurrent: 2, leaseMs: 300, timeoutMs: 10_000 }
      const [one, two] = [redisBulkhead(client, options), redisBulkhead(client, options)]
      const both = [held(one), held(one)]
      await Promise.all(both.map(({ begun }) => begun))
      await command('FLUSHALL')
      await expect.poll(() => command('EXISTS', `rl:{${options.name}}~places`), patient).toBe(1)
      let hasBegun = false
      const third = two.execute(() => void (hasBegun = true))
      await sleep(300)
      expect(hasBegun).toBe(false)
      both[0]!.end()
      await third
      both[1]!.end()
      await Promise.all(both.map(({ done }) => done))
      // Nothing is left behind.
      await expect.poll(() => command('EXISTS', `rl:{${options.name}}~places`), patient).toBe(0)
      close()
      await server[Symbol.asyncDispose]()
    })

    it.skipIf(!canShiftClocks)('bears a clock that is set an hour back and forward (needs cc)', async () => {
      using clock = new ShiftedClock()
      await using server = await TestServer.start(kind, [], clock.env)
      const { client, close } = await clientMakers['ioredis']!(server.port)
      const options = { name: fresh(), maxConcurrent: 1, leaseMs: 900, timeoutMs: 10_000 }
      const here = redisBulkhead(client, options)
      const dead = holder(server.port, options)
      await once(dead, 'message')
      clock.set(-3600)
      dead.kill('SIGKILL')
      // Its place lapses all the same, in time.
      expect(await here.execute(() => 'in')).toBe('in')
      const first = held(here)
      await first.begun
      clock.set(0)
      // Places seem to have lapsed: as many may begin once more, and none beyond that.
      const second = held(here)
      await second.begun
      await sleep(400)
      let hasBegun = false
      const third = here.execute(() => void (hasBegun = true))
      first.end()
      await first.done
      await sleep(200)
      expect(hasBegun).toBe(false)
      second.end()
      await third
      close()
    })

    it('bounds its queue and its waits, ends them by signal and by close, and leaves no place behind', async () => {
      const bulkhead = await make({ maxQueue: 1 })
      const first = held(bulkhead)
      await first.begun
      const abort = new AbortController()
      const waiting = bulkhead.execute(() => 1, { signal: abort.signal }).catch(String)
      await expect(bulkhead.execute(() => 1)).rejects.toMatchObject({
        code: 'ERR_BULKHEAD_REJECTED',
        message: expect.stringContaining('its queue is full: 1 wait already') as string,
      })
      abort.abort('gone')
      expect(await waiting).toBe('gone')
      const { name } = bulkhead
      const hasty = await make({ name, maxQueue: 0 })
      await expect(hasty.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })
      const last = bulkhead.execute(() => 1)
      const outcome = expect(last).rejects.toMatchObject({ code: 'ERR_SHARED_MEMORY' })
      await sleep(20)
      bulkhead.close()
      await outcome
      await expect(bulkhead.execute(() => 1)).rejects.toMatchObject({ reason: 'disposed' })
      first.end()
      await first.done
      await expect.poll(() => hasty.execute(() => 2).catch(() => 0), patient).toBe(2)
    })

    it('holds a place until the work has ended, whoever waits for it no longer, and frees it when that fails', async () => {
      const bulkhead = await make()
      let end!: () => void
      const abort = new AbortController()
      const running = bulkhead.execute(
        ({ signal }) => {
          expect(signal.aborted).toBe(false)
          return new Promise<void>((resolve) => (end = resolve))
        },
        { signal: abort.signal },
      )
      await expect.poll(() => bulkhead.stats().running, patient).toBe(1)
      abort.abort('gone')
      await expect(running).rejects.toBe('gone')
      let hasBegun = false
      const next = bulkhead.execute(() => void (hasBegun = true))
      await sleep(120)
      expect(hasBegun).toBe(false)
      end()
      await next
      const fail = (): never => {
        throw new Error('failed')
      }
      await expect(bulkhead.execute(fail)).rejects.toThrow('failed')
      expect(await pipeline(retry({ maxRetries: 0 }), bulkhead).execute(() => 1)).toBe(1)
      expect(await bulkhead.wrap((n: number) => n + 1)(1)).toBe(2)
    })

    it('decides as a model does, whoever takes, ends and gives up', async () => {
      const { client } = await connected(kind)
      const step = fc.record({ who: fc.nat({ max: 2 }), what: fc.constantFrom('take', 'end') })
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 3 }),
          fc.array(step, { minLength: 1, maxLength: 15 }),
          async (maxConcurrent, steps) => {
            const options = { name: fresh(), maxConcurrent, maxQueue: 0, timeoutMs: 10_000 }
            const objects = [1, 2, 3].map(() => redisBulkhead(client, options))
            const inside: (() => Promise<void>)[] = []
            for (const { who, what } of steps) {
              if (what === 'end') {
                await inside.shift()?.()
                continue
              }
              const one = held(objects[who]!)
              const outcome = await Promise.race([one.begun.then(() => 'in'), one.done.catch(() => 'refused')])
              expect(outcome).toBe(inside.length < maxConcurrent ? 'in' : 'refused')
              const end = (): Promise<void> => {
                one.end()
                return one.done
              }
              if (outcome === 'in') inside.push(end)
            }
            for (const end of inside) await end()
          },
        ),
        { numRuns: 25 },
      )
    })
  })

  it.each([
    ['local', 2],
    ['open', 3],
    ['closed', 0],
  ] as const)("does what onUnavailable: '%s' says while the server is away", async (onUnavailable, most) => {
    const away: RedisClient = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }
    const options = { name: fresh(), maxConcurrent: 4, processes: 2, maxQueue: 0, onUnavailable }
    const bulkhead = redisBulkhead(away, options)
    const all = [held(bulkhead)]
    for (let i = 0; i < 2; i++) {
      await Promise.race([all.at(-1)!.begun, all.at(-1)!.done.catch(() => 0)])
      all.push(held(bulkhead))
    }
    const outcomes = await Promise.all(
      all.map(({ begun, done }) => Promise.race([begun.then(() => 'in'), done.catch((error: unknown) => error)])),
    )
    expect(outcomes.filter((outcome) => outcome === 'in')).toHaveLength(most)
    if (onUnavailable === 'closed') expect(outcomes[0]).toMatchObject({ cause: { message: 'connect ECONNREFUSED' } })
    for (const { end } of all.slice(0, most)) end()
  })

  it.each([
    [{ maxConcurrent: 0 }, RangeError, 'maxConcurrent must be'],
    [{ maxConcurrent: undefined }, TypeError, 'maxConcurrent must be'],
    [{ maxConcurrent: 1.5 }, RangeError, 'maxConcurrent must be'],
    [{ name: 'a:b' }, RangeError, 'name must hold none of'],
    [{ leaseMs: 5 }, RangeError, 'leaseMs must be'],
    [{ maxQueue: -1 }, RangeError, 'maxQueue must be'],
    [{ concurrent: 1 }, TypeError, 'unknown redisBulkhead option'],
  ])('refuses %o', (options, type, message) => {
    const client: RedisClient = { send: () => Promise.reject(new Error('away')) }
    const call = (): unknown => redisBulkhead(client, { name: 'n', maxConcurrent: 1, ...options } as never)
    expect(call).toThrow(type)
    expect(call).toThrow(message)
    expect(() => redisBulkhead({} as never, { name: 'n', maxConcurrent: 1 })).toThrow('client must be')
  })
})
