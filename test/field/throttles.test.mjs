// Programs that throttle with p-queue, bottleneck and limiter, and the same programs with our limiter in the place of theirs.
import { createHash } from 'node:crypto'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { RateLimiter } from 'amorsize'
import Bottleneck from 'bottleneck'
import { TokenBucket } from 'limiter'
import PQueue from 'p-queue'
import { afterEach, describe, expect, it } from 'vitest'
import { crawl, placeOrders, startServer, upload } from './support/throttled-programs.mjs'

const servers = []
const serve = async (pages = 0) => {
  servers.push(await startServer(pages))
  return servers.at(-1)
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** Runs a program with a limiter of ours, made in this very moment. */
async function timed(run) {
  const startMs = performance.now()
  const result = await run()
  return { result, startMs, tookMs: performance.now() - startMs }
}

/** How far this clock and that of a limiter may be apart. */
const CLOCKS_MS = 0.05

/** What was asked for since the limiter was made is never more than it has had. Exact: whoever is late is late at the server too. */
function expectWithinRate(arrived, startMs, { requestsPerSecond, burstSize }) {
  let cost = 0
  for (const each of arrived) {
    cost += each.cost
    expect(cost).toBeLessThanOrEqual(burstSize + ((each.atMs - startMs + CLOCKS_MS) / 1000) * requestsPerSecond)
  }
}

/** Any stretch of time: the documented bound where callers go on, and a few for a process that lost its turn between the decision and that. */
function expectWithinBound(letGo, { requestsPerSecond, burstSize }, late) {
  const largest = Math.max(...letGo.map(({ cost }) => cost))
  const most = Math.max(burstSize, largest + requestsPerSecond / 100) + late
  for (const [first, { atMs }] of letGo.entries()) {
    let cost = 0
    for (const each of letGo.slice(first)) {
      cost += each.cost
      expect(cost).toBeLessThanOrEqual(most + ((each.atMs - atMs) / 1000) * requestsPerSecond)
    }
  }
}

/** As fast as the others, on a machine that does other things as well. */
const expectNotSlower = (oursMs, theirsMs) => expect(oursMs).toBeLessThan(1.5 * theirsMs + 500)

const whatArrived = ({ arrived }) => arrived.map(({ what }) => what)
const ascending = (numbers) => [...numbers].sort((a, b) => a - b)

describe('a crawler that uses p-queue', () => {
  const PAGES = 90
  const policy = { requestsPerSecond: 100, burstSize: 5 }
  const theirs = () => {
    const queue = new PQueue({ interval: 50, intervalCap: 5 })
    return (fn, options) => queue.add(fn, options)
  }
  const ours = (limiter) => (fn, options) => limiter.execute(fn, options)

  it('visits the same pages in the same order at the same rate with ours', async () => {
    const [theirSite, ourSite] = [await serve(PAGES), await serve(PAGES)]
    const before = await timed(() => crawl(theirSite, theirs()))
    const after = await timed(() => crawl(ourSite, ours(new RateLimiter(policy))))
    expect(before.result).toEqual(Array.from({ length: PAGES }, (_, page) => page))
    expect(after.result).toEqual(before.result)
    expect(whatArrived(ourSite)).toEqual(whatArrived(theirSite))
    expectWithinRate(ourSite.arrived, after.startMs, policy)
    expectWithinBound(ourSite.letGo, policy, 2)
    expectNotSlower(after.tookMs, before.tookMs)
  })

  it.each([
    ['p-queue', theirs],
    ['ours', () => ours(new RateLimiter(policy))],
  ])('is stopped by its signal: %s asks for nothing more', async (_, make) => {
    const site = await serve(PAGES)
    const controller = new AbortController()
    const stopped = new Error('enough')
    const run = crawl(site, make(), { signal: controller.signal })
    const outcome = expect(run).rejects.toBe(stopped)
    while (site.arrived.length < 20) await turn()
    controller.abort(stopped)
    await outcome
    const asked = site.arrived.length
    await delay(150)
    // One request may have been on its way.
    expect(site.arrived.length).toBeLessThanOrEqual(asked + 1)
    expect(site.arrived.length).toBeLessThan(PAGES)
  })

  it('has the request itself ended by its signal with ours', async () => {
    const site = await serve()
    const controller = new AbortController()
    const limiter = new RateLimiter(policy)
    const call = limiter.execute(({ signal }) => fetch(`${site.origin}/never`, { signal }), {
      signal: controller.signal,
    })
    const outcome = expect(call).rejects.toThrow('enough')
    while (site.arrived.length === 0) await turn()
    controller.abort(new Error('enough'))
    await outcome
    expect(limiter.stats()).toMatchObject({ allowed: 1, waiting: 0 })
  })
})

describe('a shop that uses bottleneck', () => {
  const policy = { requestsPerSecond: 100, burstSize: 25 }
  const orders = Array.from({ length: 60 }, (_, order) => 1 + ((order * 7) % 5))
  const quota = orders.reduce((sum, lines) => sum + lines, 0)
  const theirs = () => {
    const limiter = new Bottleneck({ reservoir: 25, reservoirRefreshAmount: 25, reservoirRefreshInterval: 250 })
    // A job that waits cannot be taken back: it finds out at its turn, which it has used by then.
    const unless = (signal, fn) => async () => (signal?.throwIfAborted(), fn())
    return (weight, fn, { signal }) => limiter.schedule({ weight }, unless(signal, fn))
  }
  const ours = (limiter) => async (weight, fn, options) => {
    await limiter.acquire(weight, options)
    return fn()
  }
  /** With what each order costs. */
  const weighed = (requests) =>
    requests.map((each) => ({ ...each, cost: Number(new URLSearchParams(each.what.split('?')[1]).get('lines')) }))

  it('places the same orders in the same order at the same rate with ours', async () => {
    const [theirSite, ourSite] = [await serve(), await serve()]
    const before = await timed(() => placeOrders(theirSite, theirs(), orders))
    const after = await timed(() => placeOrders(ourSite, ours(new RateLimiter(policy)), orders))
    expect(before.result.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(after.result).toEqual(before.result)
    expect(whatArrived(ourSite)).toEqual(orders.map((lines, order) => `/${order}?lines=${lines}`))
    expect(whatArrived(theirSite)).toEqual(whatArrived(ourSite))
    expectWithinRate(weighed(ourSite.arrived), after.startMs, policy)
    expectWithinBound(weighed(ourSite.letGo), policy, 2 * 5)
    expectNotSlower(after.tookMs, before.tookMs)
  })

  it('loses no order when every second one is given up, and with ours nobody waits for those', async () => {
    const gone = new Error('the customer has left')
    const controller = new AbortController()
    const signalOf = (order) => (order % 2 === 1 ? controller.signal : undefined)
    const [theirSite, ourSite] = [await serve(), await serve()]
    const limiter = new RateLimiter(policy)
    const runs = [
      [theirSite, theirs()],
      [ourSite, ours(limiter)],
    ].map(([site, schedule]) => timed(() => placeOrders(site, schedule, orders, signalOf)))
    while (theirSite.arrived.length < 5 || ourSite.arrived.length < 5) await turn()
    controller.abort(gone)
    await turn()
    // They have gone at once, and those who stay have moved up.
    const staying = orders.filter((_, order) => order % 2 === 0).reduce((sum, lines) => sum + lines, 0)
    expect(limiter.stats().waiting).toBeLessThanOrEqual(orders.length / 2)
    expect(limiter.retryAfterMs()).toBeLessThanOrEqual((1000 * (staying + 1)) / policy.requestsPerSecond)
    for (const [n, site] of [theirSite, ourSite].entries()) {
      const { result } = await runs[n]
      const placed = result.flatMap(({ status }, order) => (status === 'fulfilled' ? [order] : []))
      const failed = result.filter(({ status }) => status === 'rejected')
      expect(placed.filter((order) => order % 2 === 0)).toHaveLength(orders.length / 2)
      expect(failed.every(({ reason }) => reason === gone)).toBe(true)
      const ordersOf = (requests) => requests.map(({ what }) => Number.parseInt(what.slice(1), 10))
      expect(ordersOf(site.letGo)).toEqual(ascending(ordersOf(site.letGo)))
      // One may have been given up on its way: it arrived, and its answer did not count. It took its connection with it, so that
      // what comes after it may arrive in another order.
      const asked = ordersOf(site.arrived)
      const unwanted = asked.filter((order) => !placed.includes(order))
      expect(unwanted.length).toBeLessThanOrEqual(1)
      expect(ascending(asked.filter((order) => !unwanted.includes(order)))).toEqual(placed)
    }
    expectWithinRate(weighed(ourSite.arrived), (await runs[1]).startMs, policy)
    expect(limiter.stats().allowed).toBeLessThan(orders.length)
    expect(quota).toBeGreaterThan(staying)
  })
})

describe('an uploader that uses limiter', () => {
  const BYTES = 4096
  const policy = { requestsPerSecond: 400_000, burstSize: 2 * BYTES }
  const files = Array.from({ length: 4 }, (_, file) =>
    Array.from({ length: 20 }, (_, n) => Buffer.alloc(1 + ((file * 997 + n * 1009) % BYTES), file * 32 + n)),
  )
  const hashes = files.map((chunks) => createHash('sha256').update(Buffer.concat(chunks)).digest('hex'))
  const theirs = () => {
    const { requestsPerSecond, burstSize } = policy
    const bucket = new TokenBucket({ bucketSize: burstSize, tokensPerInterval: requestsPerSecond, interval: 'second' })
    bucket.content = burstSize
    return async (bytes, { signal }) => {
      await bucket.removeTokens(bytes)
      signal?.throwIfAborted()
    }
  }
  const ours = (limiter) => (bytes, options) => limiter.acquire(bytes, options)

  it('sends the same bytes in the same order at the same rate with ours', async () => {
    const runs = []
    for (const take of [theirs, () => ours(new RateLimiter(policy))]) {
      const site = await serve()
      const log = { asked: [], sent: [] }
      const run = await timed(() => upload(site, take(), files, log))
      expect(run.result).toEqual(hashes)
      expect(log.sent).toEqual(log.asked)
      expect(log.sent).toHaveLength(80)
      runs.push({ ...run, site })
    }
    const [before, after] = runs
    expectWithinRate(after.site.arrived, after.startMs, policy)
    expectNotSlower(after.tookMs, before.tookMs)
  })

  it('is stopped by its signal with ours: nothing more is sent, and the bytes that nobody took are there for others', async () => {
    const site = await serve()
    const controller = new AbortController()
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 2 * BYTES })
    const log = { asked: [], sent: [] }
    const outcome = expect(
      upload(site, ours(limiter), files, log, { signal: controller.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' })
    while (limiter.stats().waiting < files.length) await turn()
    controller.abort()
    await outcome
    await turn()
    expect(limiter.stats().waiting).toBe(0)
    const sent = log.sent.length
    // All that is left, and what comes meanwhile: nobody holds any of it back.
    expect(limiter.retryAfterMs(BYTES)).toBeLessThan((1000 * BYTES) / 1000 + 1)
    expect(log.sent).toHaveLength(sent)
    expect(log.sent).toEqual(log.asked.slice(0, sent))
  })
})
