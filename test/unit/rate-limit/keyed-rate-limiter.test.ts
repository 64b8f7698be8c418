import { describe, expect, it, vi } from 'vitest'
import {
  KeyedRateLimiter,
  type KeyedRateLimitPolicy,
  RateLimitExceeded,
  RateLimiter,
  SharedMemoryError,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'
import { keyedCells } from '../../../dist/memory/keyed/table.js'
import { KEYED } from '../../../dist/memory/shared/layout.js'
import { wordsAt } from '../../support/words.js'

function keyed(policy: Partial<KeyedRateLimitPolicy> = {}): { clock: FakeClock; limiter: KeyedRateLimiter } {
  const clock = new FakeClock()
  return {
    clock,
    limiter: new KeyedRateLimiter({ requestsPerSecond: 10, burstSize: 2, capacity: 1000, clock, ...policy }),
  }
}

describe('KeyedRateLimiter', () => {
  it('gives every key its own bucket', async () => {
    const { clock, limiter } = keyed()
    expect(['a', 'a', 'a', 'b'].map((key) => limiter.tryAcquire(key))).toEqual([true, true, false, true])
    await clock.advance(100)
    expect(limiter.tryAcquire('a')).toBe(true)
    expect(limiter.tryAcquire('a')).toBe(false)
    expect(limiter.stats()).toEqual({ allowed: 4, denied: 2, waiting: 0, waitedMs: 0 })
  })

  it('needs no global crypto, which tests put another in the place of', () => {
    vi.stubGlobal('crypto', { randomUUID: () => 'a mock' })
    try {
      expect(keyed().limiter.tryAcquire('a')).toBe(true)
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('takes strings, numbers and bigints, and tells them apart', () => {
    const { limiter } = keyed({ burstSize: 1 })
    const keys = [
      '1',
      1,
      1n,
      '',
      '\0',
      '\0\0',
      0,
      -1,
      -1n,
      0n,
      1.5,
      Infinity,
      '\ud800',
      '\ud801',
      'ü',
      '日本',
      2n ** 64n,
      2n ** 200n,
      -(2n ** 200n),
      'x'.repeat(65_536),
      `${'x'.repeat(65_535)}y`,
    ]
    for (const key of keys) expect([key, limiter.tryAcquire(key)]).toEqual([key, true])
    for (const key of keys) expect([key, limiter.tryAcquire(key)]).toEqual([key, false])
    expect(limiter.tryAcquire(-0)).toBe(false)
  })

  it('takes the same string for the same key, however it is stored', () => {
    const { limiter } = keyed({ burstSize: 1 })
    for (const length of [3, 253, 254, 255, 256, 257, 1000]) {
      const whole = 'ab'.repeat(length).slice(0, length)
      expect(limiter.tryAcquire(whole)).toBe(true)
      expect(limiter.tryAcquire(whole.slice(0, 2) + whole.slice(2))).toBe(false)
      expect(limiter.tryAcquire(`é${whole}`.slice(1))).toBe(false)
    }
  })

  it('takes back what was not used, and never more than fits', () => {
    const { limiter } = keyed({ burstSize: 2 })
    limiter.tryAcquire('a', 2)
    limiter.refund('a', 1)
    expect(limiter.getAvailableTokens('a')).toBe(1)
    limiter.refund('a', 1e300)
    expect(limiter.getAvailableTokens('a')).toBe(2)
    limiter.refund('never seen', 1)
    expect(limiter.size).toBe(0)
    expect(() => limiter.refund('a', -1)).toThrow('tokens must be a finite number >= 0; received -1 (number)')
    expect(() => limiter.refund(null as never, 1)).toThrow('key must be a string, number or bigint; received null')
  })

  it('pauses one key for every thread, and has nothing when that ends', async () => {
    const { clock, limiter } = keyed({ burstSize: 5 })
    const other = KeyedRateLimiter.from(limiter.share())
    limiter.pauseFor('a', 1000)
    expect(limiter.tryAcquire('b')).toBe(true)
    expect([other.tryAcquire('a'), other.retryAfterMs('a'), other.getAvailableTokens('a')]).toEqual([false, 1100, 0])
    limiter.pauseFor('a', 500)
    limiter.pauseFor('a', 0)
    await clock.advance(999)
    expect([1, 0.01, 1e-6].map((tokens) => limiter.tryAcquire('a', tokens))).toEqual([false, false, false])
    await clock.advance(1)
    expect(limiter.getAvailableTokens('a')).toBe(0)
    await clock.advance(100)
    expect([1, 2].map(() => limiter.tryAcquire('a'))).toEqual([true, false])
    limiter.pauseFor('c', 0)
    expect(limiter.getAvailableTokens('c')).toBe(5)
    expect(() => limiter.pauseFor('a', -1)).toThrow('ms must be a finite number >= 0; received -1 (number)')
    expect(() => limiter.pauseFor(null as never, 1)).toThrow('key must be')
    limiter.pauseFor('d', 1e300)
    expect(limiter.tryAcquire('d')).toBe(false)
  })

  it('admits nobody of a paused key in this thread, also not those who wait already, and then all in their order', async () => {
    const { clock, limiter } = keyed({ burstSize: 1 })
    const admitted: string[] = []
    const wait = (name: string): void => void limiter.acquire('a').then(() => admitted.push(`${name}@${clock.now()}`))
    limiter.tryAcquire('a')
    wait('before')
    limiter.pauseFor('a', 1000)
    wait('after')
    await clock.advance(999)
    expect([admitted, limiter.retryAfterMs('a')]).toEqual([[], 301])
    await clock.advance(201)
    expect(admitted).toEqual(['before@1100', 'after@1200'])
  })

  describe.each(['refund', 'reset', 'settle'] as const)('while a caller of another thread waits, %s', (what) => {
    it('grants nothing twice', async () => {
      const { clock, limiter: a } = keyed({ requestsPerSecond: 1, burstSize: 5, capacity: 100, onFull: 'deny' })
      const b = KeyedRateLimiter.from(a.share())
      const permit = RateLimiter.all({ b }).tryAcquire({ b: { key: 'k', tokens: 5 } })
      let granted = 0
      void a.acquire('k', 5).then(() => (granted += 5))
      if (what === 'refund') b.refund('k', 5)
      else if (what === 'reset') b.reset('k')
      else if (permit) permit.settle({ b: { key: 'k', tokens: 0 } })
      // Neither does anything but a caller's own.
      for (let ms = 0; ms < 5000; ms += 10) {
        await clock.advance(10)
        while (b.tryAcquire('k')) granted++
      }
      expect(granted).toBe(5)
      await clock.advance(10_000)
      b.refund('k', 5)
      expect([b.tryAcquire('k', 5), b.tryAcquire('k')]).toEqual([true, false])
      b.refund('k', 5)
      expect(b.getAvailableTokens('k')).toBe(5)
      b.tryAcquire('k', 5)
      b.reset('k')
      expect(b.getAvailableTokens('k')).toBe(5)
    })
  })

  it('gives back to who waits here, whatever this thread has charged meanwhile', async () => {
    const { clock, limiter } = keyed({ requestsPerSecond: 1, burstSize: 5 })
    const both = RateLimiter.all({ limiter })
    const [low, high] = await Promise.all([1, 2].map(() => both.acquire({ limiter: { key: 'k', tokens: 2.5 } })))
    const waits = outcomeOf(clock, limiter.acquire('k', 5))
    low!.settle({ limiter: { key: 'k', tokens: 3 } })
    high!.settle({ limiter: { key: 'k', tokens: 0.5 } })
    await clock.advance(10_000)
    expect((await waits).atMs).toBe(3000)
    limiter.refund('k', 5)
    expect(limiter.getAvailableTokens('k')).toBe(5)
  })

  it('takes several tokens, or none', () => {
    const { limiter } = keyed({ burstSize: 5 })
    expect(limiter.tryAcquire('a', 3.5)).toBe(true)
    expect(limiter.getAvailableTokens('a')).toBe(1.5)
    expect(limiter.tryAcquire('a', 2)).toBe(false)
    expect(limiter.getAvailableTokens('a')).toBe(1.5)
    expect(limiter.getAvailableTokens('unseen')).toBe(5)
  })

  it('tells how long a key would wait, and takes nothing by it', () => {
    const { limiter } = keyed()
    expect(limiter.retryAfterMs('a')).toBe(0)
    limiter.tryAcquire('a', 2)
    expect(limiter.retryAfterMs('a')).toBe(100)
    expect(limiter.retryAfterMs('a', 2)).toBe(200)
    expect(limiter.size).toBe(1)
    expect(limiter.retryAfterMs('b', 2)).toBe(0)
    expect(limiter.size).toBe(1)
  })

  it('counts a key for as long as its bucket is not full, and reset forgets it', async () => {
    const { clock, limiter } = keyed()
    for (const key of ['a', 'b', 'c']) limiter.tryAcquire(key)
    expect(limiter.size).toBe(3)
    limiter.reset('b')
    limiter.reset('unseen')
    expect(limiter.size).toBe(2)
    expect(limiter.getAvailableTokens('b')).toBe(2)
    await clock.advance(100)
    expect(limiter.size).toBe(0)
    expect(limiter.capacity).toBe(1000)
  })

  it('has every key wait in its own line, first come first served', async () => {
    const { clock, limiter } = keyed({ burstSize: 1 })
    const ended: string[] = []
    const wait = (key: string, name: string): void =>
      void outcomeOf(clock, limiter.acquire(key)).then(({ atMs }) => ended.push(`${name}@${atMs}`))
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) wait(name[0]!, name)
    expect(limiter.stats().waiting).toBe(3)
    expect(limiter.tryAcquire('a')).toBe(false)
    await clock.advance(250)
    const of = (key: string): string[] => ended.filter((name) => name.startsWith(key))
    expect([of('a'), of('b')]).toEqual([
      ['a1@0', 'a2@100', 'a3@200'],
      ['b1@0', 'b2@100'],
    ])
    expect(limiter.stats()).toEqual({ allowed: 5, denied: 1, waiting: 0, waitedMs: 400 })
  })

  it('lets those move up who stand behind an aborted wait', async () => {
    const { clock, limiter } = keyed({ burstSize: 1 })
    await limiter.acquire('a')
    const controller = new AbortController()
    const aborted = outcomeOf(clock, limiter.acquire('a', 1, { signal: controller.signal }))
    const behind = outcomeOf(clock, limiter.acquire('a'))
    controller.abort(new Error('gone'))
    expect((await aborted).error).toEqual(new Error('gone'))
    await clock.advance(100)
    expect((await behind).atMs).toBe(100)
    expect(limiter.retryAfterMs('a')).toBe(100)
    await expect(limiter.acquire('a', 1, { signal: AbortSignal.abort('early') })).rejects.toBe('early')
  })

  it('refuses a wait that is too long, one too many, or unwanted, and consumes nothing', async () => {
    const { limiter } = keyed({ burstSize: 1, maxWaitMs: 150, maxQueue: 1 })
    await limiter.acquire('a')
    const waits = limiter.acquire('a')
    for (const key of ['a', 'b']) if (key === 'b') await limiter.acquire('b')
    await expect(limiter.acquire('b')).rejects.toThrow(/maxQueue/)
    await expect(limiter.acquire('a', 1, { maxWaitMs: 50 })).rejects.toMatchObject({
      code: 'ERR_RATE_LIMIT_EXCEEDED',
      retryAfterMs: 200,
    })
    expect(limiter.retryAfterMs('a')).toBe(200)
    limiter[Symbol.dispose]()
    await expect(waits).rejects.toThrow(SharedMemoryError)
    const impatient = keyed({ waitOnLimit: false, burstSize: 1 }).limiter
    await impatient.acquire('a')
    await expect(impatient.acquire('a')).rejects.toThrow(RateLimitExceeded)
  })

  it('calls onWait with the wait', async () => {
    const waits: number[] = []
    const { clock, limiter } = keyed({ burstSize: 1, onWait: (ms) => waits.push(ms) })
    void limiter.acquire('a')
    void limiter.acquire('a')
    await clock.advance(100)
    expect(waits).toEqual([100])
  })

  it("refuses a new key that finds no room with onFull 'deny', until there is room", async () => {
    const { clock, limiter } = keyed({ capacity: 2, onFull: 'deny' })
    limiter.tryAcquire('a', 2)
    limiter.tryAcquire('b')
    expect(limiter.tryAcquire('c')).toBe(false)
    expect(limiter.getAvailableTokens('c')).toBe(0)
    expect(limiter.retryAfterMs('c')).toBe(100)
    await expect(limiter.acquire('c')).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED', retryAfterMs: 100 })
    expect(limiter.tryAcquire('b')).toBe(true)
    await clock.advance(200)
    expect(limiter.tryAcquire('c')).toBe(true)
  })

  it("forgets the key nearest to full with onFull 'evict', the default", () => {
    const { limiter } = keyed({ capacity: 2 })
    limiter.tryAcquire('a', 2)
    limiter.tryAcquire('b')
    expect(limiter.tryAcquire('c', 2)).toBe(true)
    expect([limiter.getAvailableTokens('a'), limiter.getAvailableTokens('b'), limiter.getAvailableTokens('c')]).toEqual(
      [0, 2, 0],
    )
  })

  it('holds the bound under a flood of keys, which takes no more memory and spares who owes more', () => {
    const { limiter } = keyed({ capacity: 1000, burstSize: 5 })
    for (let user = 0; user < 100; user++) expect(limiter.tryAcquire(user, 5)).toBe(true)
    for (let n = 0; n < 20_000; n++) limiter.tryAcquire(`flood ${n}`)
    for (let user = 0; user < 100; user++) expect(limiter.tryAcquire(user)).toBe(false)
    expect(limiter.size).toBeLessThanOrEqual(1500)
    expect(limiter.tryAcquire('an honest newcomer', 5)).toBe(true)
  })

  it('works at every rate and at any uptime', async () => {
    for (const requestsPerSecond of [1e-6, 0.5, 14.29, 1000, 1e6, 1e9]) {
      const { clock, limiter } = keyed({ requestsPerSecond, burstSize: 3 })
      await clock.advance(10 * 365 * 86_400_000)
      expect([1, 2, 3].map(() => limiter.tryAcquire('a'))).toEqual([true, true, true])
      expect(limiter.tryAcquire('a')).toBe(false)
      await clock.advance(1000 / requestsPerSecond + 1e-3)
      expect(limiter.tryAcquire('a')).toBe(true)
    }
  })

  it('is shared by a handle', () => {
    const { limiter } = keyed()
    const other = KeyedRateLimiter.from(structuredClone(limiter.share()))
    limiter.tryAcquire('a')
    other.tryAcquire('a')
    expect([limiter.tryAcquire('a'), other.tryAcquire('a')]).toEqual([false, false])
    expect(other.policy).toMatchObject({ requestsPerSecond: 10, burstSize: 2, capacity: 1000, onFull: 'evict' })
  })

  it('is not changed by what is written into its policy', async () => {
    const { clock, limiter } = keyed()
    Object.assign(limiter.policy, { burstSize: 1000, waitOnLimit: false })
    expect(limiter.policy).toMatchObject({ burstSize: 2, waitOnLimit: true })
    limiter.tryAcquire('a', 2)
    const waiting = limiter.acquire('a')
    await clock.advance(100)
    await waiting
  })

  it('is shared by a name, of the same parameters only', () => {
    const policy = { name: freshName(), requestsPerSecond: 1e-6, burstSize: 2, capacity: 100 }
    const first = new KeyedRateLimiter(policy)
    const second = new KeyedRateLimiter(policy)
    expect([first.tryAcquire('a'), second.tryAcquire('a'), first.tryAcquire('a')]).toEqual([true, true, false])
    for (const other of [{ capacity: 200 }, { burstSize: 3 }, { onFull: 'deny' as const }, { requestsPerSecond: 1 }]) {
      expect(() => new KeyedRateLimiter({ ...policy, ...other })).toThrow(
        /capacity: 100, onFull: 'evict'.*cannot be used with/,
      )
    }
    // Another kind of thing may have the same name.
    expect(new RateLimiter({ name: policy.name }).tryAcquire()).toBe(true)
    expect(KeyedRateLimiter.from(structuredClone(second.share())).tryAcquire('a')).toBe(false)
  })

  it('hashes with a seed of its own for every table', () => {
    const seeds = [1, 2].map(() => {
      const words = wordsAt(new KeyedRateLimiter({ requestsPerSecond: 1, capacity: 1 }).share())
      return words.subarray(KEYED.seedLow, KEYED.seedHigh + 1).join()
    })
    expect(seeds[0]).not.toBe(seeds[1])
  })
})

describe('KeyedRateLimiter refuses', () => {
  const refused = (policy: object): Error => {
    try {
      new KeyedRateLimiter(policy as never)
    } catch (error) {
      return error as Error
    }
    throw new Error('accepted')
  }

  it('options that are wrong, naming them', () => {
    expect(refused({})).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/^capacity must be an integer >= 1 and <= 1e8; received undefined/),
    })
    for (const capacity of [0, -1, 1.5, NaN, Infinity, 1e9])
      expect(refused({ capacity })).toMatchObject({
        name: 'RangeError',
        message: expect.stringMatching(/^capacity must be/),
      })
    expect(refused({ capacity: '5' })).toMatchObject({ name: 'TypeError' })
    expect(refused({ capacity: 5, onFull: 'drop' })).toMatchObject({
      name: 'RangeError',
      message: expect.stringContaining("onFull must be one of 'evict', 'deny'"),
    })
    expect(refused({ capacity: 5, capacty: 6 }).message).toContain("did you mean 'capacity'")
    expect(refused({ capacity: 5, requestsPerSecond: 0 })).toMatchObject({
      name: 'RangeError',
      message: expect.stringContaining('requestsPerSecond'),
    })
    expect(refused({ capacity: 5, scope: 'machine' })).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining('name'),
    })
    expect(refused(undefined as never)).toMatchObject({ name: 'TypeError' })
  })

  it('keys of other types, NaN, and keys that are too long', async () => {
    const { limiter } = keyed()
    const calls = [
      (key: never) => limiter.tryAcquire(key),
      (key: never) => limiter.tryAcquire(key, 2),
      (key: never) => limiter.getAvailableTokens(key),
      (key: never) => limiter.retryAfterMs(key),
      (key: never) => limiter.reset(key),
    ]
    for (const key of [undefined, null, true, {}, [], Symbol('s'), () => 1, new Date(), Object('boxed')]) {
      for (const call of calls)
        expect(() => call(key as never)).toThrow(/^key must be a string, number or bigint; received/)
      await expect(limiter.acquire(key as never)).rejects.toThrow(TypeError)
    }
    for (const key of [NaN, 'x'.repeat(65_537), 2n ** 8192n, -(2n ** 9000n)]) {
      for (const call of calls) expect(() => call(key as never)).toThrow(RangeError)
    }
    expect(limiter.tryAcquire(2n ** 8192n - 1n)).toBe(true)
    expect(limiter.tryAcquire(-(2n ** 8192n) + 1n)).toBe(true)
    expect(limiter.stats()).toMatchObject({ denied: 0 })
  })

  it('costs that are no numbers, or could never be had', async () => {
    const { limiter } = keyed()
    for (const tokens of [0, -1, NaN, Infinity, 2.1, 1e16]) {
      expect(() => limiter.tryAcquire('a', tokens)).toThrow(RangeError)
      expect(() => limiter.retryAfterMs('a', tokens)).toThrow(RangeError)
      await expect(limiter.acquire('a', tokens)).rejects.toThrow(RangeError)
    }
    expect(() => limiter.tryAcquire('a', '1' as never)).toThrow(TypeError)
    await expect(limiter.acquire('a', 1, { maxWait: 5 } as never)).rejects.toThrow(
      /unknown KeyedRateLimiter option 'maxWait'/,
    )
    expect(limiter.getAvailableTokens('a')).toBe(2)
  })

  it('handles that are not its own', () => {
    const { limiter } = keyed()
    const handle = limiter.share()
    const other = new RateLimiter().share()
    expect(() => KeyedRateLimiter.from(other as never)).toThrow(TypeError)
    expect(() => KeyedRateLimiter.from({ ...handle, buffer: other.buffer!, cell: other.cell! })).toThrow(
      SharedMemoryError,
    )
    expect(() => KeyedRateLimiter.from({ ...handle, cell: 2 })).toThrow(SharedMemoryError)
    expect(() => KeyedRateLimiter.from({ ...handle, policy: { ...handle.policy, capacity: 5 } })).toThrow(
      /other parameters/,
    )
    expect(() => KeyedRateLimiter.from({ ...handle, buffer: new ArrayBuffer(64) as never })).toThrow(TypeError)
    expect(() => KeyedRateLimiter.from(null as never)).toThrow(TypeError)
  })

  it('a table whose words do not belong together, and survives any noise in its slots', () => {
    const { limiter } = keyed()
    const handle = limiter.share()
    const words = wordsAt(handle, keyedCells(1000))
    for (let word = 1; word < 12; word++) {
      const before = words[word]!
      words[word] = before ^ 0x55n
      // Seed and epoch may be anything.
      if (word >= 4 && word <= 6) expect(KeyedRateLimiter.from(handle)).toBeDefined()
      else expect(() => KeyedRateLimiter.from(handle)).toThrow()
      words[word] = before
    }
    for (let word = 16; word < words.length; word++)
      words[word] = BigInt.asIntN(64, BigInt(word) * 0x9e37_79b9_7f4a_7c15n)
    for (let n = 0; n < 200; n++) expect(typeof limiter.tryAcquire(n)).toBe('boolean')
  })

  it('use after its end', async () => {
    const { limiter } = keyed()
    limiter[Symbol.dispose]()
    limiter[Symbol.dispose]()
    expect(() => limiter.tryAcquire('a')).toThrow(SharedMemoryError)
    expect(() => limiter.tryAcquire('a', 2)).toThrow(SharedMemoryError)
    expect(() => limiter.size).toThrow(SharedMemoryError)
    expect(() => limiter.share()).toThrow(SharedMemoryError)
    await expect(limiter.acquire('a')).rejects.toThrow(SharedMemoryError)
  })
})
