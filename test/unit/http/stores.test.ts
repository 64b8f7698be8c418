import { expressStore, fastifyStore, nestStorage, type StoreOptions } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { machineName } from '../../support/machine.js'
import { itWithAddon } from '../../support/native.js'

/** What incr or read of a Fastify store answers. */
const answerOf = (call: (callback: (error: Error | null, result?: object) => void) => void): unknown => {
  let answer: unknown
  call((error, result) => (answer = error ?? result))
  return answer
}

/** With a character that names of the machine do not have. */
const unique = () => `${machineName()}/store`

describe('expressStore', () => {
  const make = (options: Omit<StoreOptions, 'redis'> = {}, terms = { windowMs: 1000, limit: 2 as unknown }) => {
    const clock = new FakeClock()
    const store = expressStore({ clock, ...options })
    store.init(terms)
    return { clock, store }
  }

  it("counts a key's hits in its window, beyond the limit too, and tells when the window ends", async () => {
    const { clock, store } = make()
    const before = Date.now()
    expect([1, 2, 3].map(() => store.increment('a').totalHits)).toEqual([1, 2, 3])
    const { resetTime } = store.increment('a')
    expect(resetTime.getTime()).toBeGreaterThanOrEqual(before + 1000)
    expect(resetTime.getTime()).toBeLessThan(before + 1000 + 60_000)
    expect(store.increment('b').totalHits).toBe(1)
    await clock.advance(1000)
    expect(store.increment('a').totalHits).toBe(1)
  })

  it('takes hits back, tells what a key has, and forgets one or all', () => {
    const { store } = make()
    expect(store.get('a')).toBeUndefined()
    store.increment('a')
    store.increment('a')
    store.decrement('a')
    expect(store.get('a')?.totalHits).toBe(1)
    store.resetKey('a')
    expect(store.get('a')).toBeUndefined()
    store.increment('b')
    store.resetAll()
    expect(store.get('b')).toBeUndefined()
  })

  it("has one bucket for a window that is longer than any with algorithm 'bucket'", () => {
    const { store } = make({ algorithm: 'bucket' }, { windowMs: 1e12, limit: 2 })
    expect([store.increment('a').totalHits, store.get('a')?.totalHits]).toEqual([1, 1])
    store.decrement('a')
    expect([store.increment('a').totalHits, store.increment('a').totalHits]).toEqual([1, 2])
  })

  it('counts for all stores of a name, whatever characters the name has', () => {
    const name = unique()
    const first = expressStore({ name, capacity: 100 })
    const second = expressStore({ name, capacity: 100 })
    for (const store of [first, second]) store.init({ windowMs: 60_000, limit: 5 })
    first.increment('a')
    expect(second.increment('a').totalHits).toBe(2)
    expect(first).toMatchObject({ localKeys: false, prefix: name.replaceAll('/', '%2f') })
    expect(expressStore({ capacity: 10 }).localKeys).toBe(true)
  })

  itWithAddon("takes such names in scope 'machine' too", () => {
    const name = unique()
    const stores = [1, 2].map(() => expressStore({ name, scope: 'machine', capacity: 100 }))
    for (const store of stores) store.init({ windowMs: 60_000, limit: 5 })
    expect(stores.map((store) => store.increment('a').totalHits)).toEqual([1, 2])
  })

  it("lets no more than the limit through around a window's edge with algorithm 'bucket'", async () => {
    const { clock, store } = make({ algorithm: 'bucket' }, { windowMs: 300, limit: 10 })
    const admitted = () =>
      Array.from({ length: 20 }, () => store.increment('a').totalHits).filter((n) => n <= 10).length
    await clock.advance(280)
    let sum = admitted()
    await clock.advance(40)
    sum += admitted()
    expect(sum).toBe(11)
    expect(store.increment('a').totalHits).toBe(11)
    store.resetKey('a')
    expect(store.get('a')).toBeUndefined()
    expect(store.increment('a').totalHits).toBe(1)
    store.increment('a')
    store.decrement('a')
    expect(store.get('a')?.totalHits).toBe(1)
    store.resetAll()
    expect(store.get('a')).toBeUndefined()
  })

  it("counts in a window, with a warning, where 'bucket' cannot know the limit", async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const { store } = make({ algorithm: 'bucket' }, { windowMs: 1000, limit: () => 5 })
    expect([1, 2, 3].map(() => store.increment('a').totalHits)).toEqual([1, 2, 3])
    expect(await warned).toMatchObject({ name: 'AmorsizeWarning', code: 'AMORSIZE_HTTP_BUCKET_TERMS' })
  })

  it('warns when one store is given to two limiters', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const { store } = make()
    store.init({ windowMs: 1000, limit: 2 })
    store.init({ windowMs: 5000, limit: 2 })
    expect(await warned).toMatchObject({ code: 'AMORSIZE_HTTP_STORE_REUSED' })
  })

  it("refuses new keys without room with onFull: 'deny', and forgets no attacker for others with 'evict'", () => {
    const { store } = make({ capacity: 8, onFull: 'deny' }, { windowMs: 60_000, limit: 5 })
    const counts = Array.from({ length: 1000 }, (_, n) => store.increment(`k${n}`).totalHits)
    const admitted = counts.filter((count) => count <= 5).length
    expect(admitted).toBeGreaterThanOrEqual(4)
    expect(admitted).toBeLessThan(100)
    const { store: roomy } = make({}, { windowMs: 60_000, limit: 5 })
    for (let n = 0; n < 10; n++) roomy.increment('attacker')
    for (let n = 0; n < 10_000; n++) roomy.increment(`k${n}`)
    expect(roomy.increment('attacker').totalHits).toBe(11)
  })

  it.each([5, () => 5])(
    'keeps who is over its limit when more come than there is room for: limit %s',
    async (limit) => {
      const { clock, store } = make({ capacity: 310 }, { windowMs: 60_000, limit })
      const hit = (key: string, times: number) =>
        Array.from({ length: times }, () => store.increment(key).totalHits).at(-1)
      for (let n = 0; n < 10; n++) hit(`attacker ${n}`, 5)
      await clock.advance(1000)
      for (let n = 0; n < 1000; n++) hit(`other ${n}`, 2)
      expect(Array.from({ length: 10 }, (_, n) => hit(`attacker ${n}`, 1))).toEqual(Array(10).fill(6))
    },
  )

  it('takes keys that are no strings, or very long ones, without throwing in a request', () => {
    const { store } = make()
    expect(store.increment(undefined as unknown as string).totalHits).toBe(1)
    expect(store.increment('x'.repeat(100_000)).totalHits).toBe(1)
    expect(store.increment(`${'x'.repeat(100_000)}y`).totalHits).toBe(2)
  })
})

describe('fastifyStore', () => {
  const make = (options: StoreOptions = {}, terms: object = {}) => {
    const clock = new FakeClock()
    const Store = fastifyStore({ clock, ...options })
    return { clock, Store, store: new Store(terms) }
  }

  it('counts beyond max, which bans need, with a window and a max that come with each call', async () => {
    const { clock, store } = make()
    const hit = (max: number, windowMs = 1000) => answerOf((done) => store.incr('a', done, windowMs, max))
    expect([1, 2, 3].map(() => hit(1))).toEqual([1, 2, 3].map((current) => ({ current, ttl: 1000 })))
    await clock.advance(400)
    expect(answerOf((done) => store.read('a', done, 1000, 1))).toEqual({ current: 3, ttl: 600 })
    await clock.advance(600)
    expect(hit(5, 200)).toEqual({ current: 1, ttl: 200 })
    expect(hit(5, 0)).toEqual({ current: 1, ttl: 0 })
  })

  it('prolongs by continueExceeding, and holds an exponential back-off to its end', async () => {
    const { clock, store } = make({}, { exponentialBackoff: true })
    const hit = () => answerOf((done) => store.incr('a', done, 100, 1))
    hit()
    expect([hit(), hit(), hit(), hit()]).toMatchObject([{ ttl: 100 }, { ttl: 200 }, { ttl: 400 }, { ttl: 800 }])
    await clock.advance(799)
    expect(answerOf((done) => store.read('a', done, 100, 1))).toEqual({ current: 5, ttl: 1 })
    const other = make({}, { continueExceeding: true })
    const refused = () => answerOf((done) => other.store.incr('a', done, 100, 1))
    refused()
    await other.clock.advance(60)
    expect(refused()).toEqual({ current: 2, ttl: 100 })
  })

  it('counts each route apart, the same route of two processes together', () => {
    const name = unique()
    const [one, two] = [fastifyStore({ name }), fastifyStore({ name })].map((Store) => new Store({}))
    const hit = (store: typeof one, route: object) => answerOf((done) => store!.child(route).incr('a', done, 60_000, 5))
    const route = (url: string) => ({ routeInfo: { method: 'GET', url } })
    expect(hit(one, route('/a'))).toMatchObject({ current: 1 })
    expect(hit(two, route('/a'))).toMatchObject({ current: 2 })
    expect(hit(one, route('/b'))).toMatchObject({ current: 1 })
    expect(hit(one, { routeInfo: {} })).toMatchObject({ current: 1 })
    expect(hit(one, { routeInfo: {} })).toMatchObject({ current: 1 })
    expect(answerOf((done) => one!.incr('a', done, 60_000, 5))).toMatchObject({ current: 1 })
  })

  it('keeps who is over the limit of a route when more come on one of a higher limit than there is room for', async () => {
    const { clock, store } = make({ capacity: 310 })
    const route = (url: string) => store.child({ routeInfo: { method: 'GET', url } })
    const hit = (url: string, key: string, times: number, max: number) =>
      Array.from({ length: times }, () => answerOf((done) => route(url).incr(key, done, 60_000, max))).at(-1)
    for (let n = 0; n < 10; n++) hit('/login', `attacker ${n}`, 5, 5)
    await clock.advance(1000)
    for (let n = 0; n < 1000; n++) hit('/', `other ${n}`, 9, 100)
    for (let n = 0; n < 10; n++) expect(hit('/login', `attacker ${n}`, 1, 5)).toMatchObject({ current: 6 })
  })

  it('counts each plugin apart without a name', () => {
    const { Store, store } = make()
    store.incr('a', () => undefined, 1000, 5)
    expect(answerOf((done) => new Store({}).incr('a', done, 1000, 5))).toMatchObject({ current: 1 })
  })
})

describe('nestStorage', () => {
  const make = (options: StoreOptions = {}) => {
    const clock = new FakeClock()
    const storage = nestStorage({ clock, ...options })
    const hit = (key = 'a', block = 5000, throttler = 'default') => storage.increment(key, 1000, 2, block, throttler)
    return { clock, hit }
  }

  it('blocks a key that went beyond the limit, for blockDuration, and starts at 1 afterwards', async () => {
    const { clock, hit } = make()
    expect(await hit()).toEqual({ totalHits: 1, timeToExpire: 1, isBlocked: false, timeToBlockExpire: 0 })
    await hit()
    expect(await hit()).toEqual({ totalHits: 3, timeToExpire: 5, isBlocked: true, timeToBlockExpire: 5 })
    await clock.advance(4000)
    expect(await hit()).toEqual({ totalHits: 3, timeToExpire: 1, isBlocked: true, timeToBlockExpire: 1 })
    await clock.advance(1000)
    expect(await hit()).toMatchObject({ totalHits: 1, isBlocked: false })
  })

  it('keeps throttlers apart, and needs no block', async () => {
    const { hit } = make()
    await hit('a', 0)
    await hit('a', 0)
    expect(await hit('a', 0)).toEqual({ totalHits: 3, timeToExpire: 1, isBlocked: true, timeToBlockExpire: 1 })
    expect(await hit('a', 0, 'other')).toMatchObject({ totalHits: 1, isBlocked: false })
  })

  it('keeps blocked keys when more come than there is room for', async () => {
    const { clock, hit } = make({ capacity: 310 })
    for (let n = 0; n < 30; n++) await hit(`attacker ${n % 10}`, 1900)
    await clock.advance(999)
    for (let n = 0; n < 2000; n++) await hit(`other ${n % 1000}`)
    for (let n = 0; n < 10; n++) expect(await hit(`attacker ${n}`)).toMatchObject({ isBlocked: true, totalHits: 3 })
  })

  it("refuses until the next hit has come back with algorithm 'bucket'", async () => {
    const { clock, hit } = make({ algorithm: 'bucket' })
    await hit()
    await hit()
    expect(await hit()).toEqual({ totalHits: 3, timeToExpire: 1, isBlocked: true, timeToBlockExpire: 1 })
    await clock.advance(500)
    expect(await hit()).toMatchObject({ isBlocked: false })
  })
})

describe('the stores', () => {
  it.each([
    ['expressStore', expressStore],
    ['fastifyStore', fastifyStore],
    ['nestStorage', nestStorage],
  ])('%s refuses bad options with what it takes', (what, make) => {
    expect(() => make({ nam: 'x' } as StoreOptions)).toThrow(`unknown ${what} option 'nam'`)
    expect(() => make({ capacity: 0 })).toThrow('capacity must be an integer >= 1 and <= 1e8; received 0 (number)')
    expect(() => make({ algorithm: 'sliding' as 'window' })).toThrow(
      `algorithm must be one of 'window', 'bucket'; received "sliding" (string)`,
    )
    expect(() => make({ name: 5 as unknown as string })).toThrow('name must be a string; received 5 (number)')
    expect(() => make({ scope: 'machine' })).toThrow("scope 'machine' needs a name")
  })
})
