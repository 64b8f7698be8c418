import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter, RateLimiter, type RateLimiterHandle, retry, SharedMemoryError } from '../../../dist/index.js'
import { CELL_BYTES, KIND, kindWord, LAYOUT_VERSION } from '../../../dist/memory/shared/layout.js'
import { bytesOf } from '../../../dist/memory/shared/region.js'
import { limited } from '../../support/limiters.js'
import { wordsAt } from '../../support/words.js'

type Class = typeof TypeError | typeof RangeError

/** Expects an error of just this class whose message has every text: the option, the range, and what came. */
function refuses(act: () => unknown, errorClass: Class, ...texts: string[]): void {
  let error: unknown
  try {
    act()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(errorClass)
  for (const text of texts) expect((error as Error).message).toContain(text)
}

const badPolicies: [policy: object | null | string | number, errorClass: Class, ...texts: string[]][] = [
  [{ requestsPerSecond: NaN }, RangeError, 'requestsPerSecond', '> 0', 'NaN (number)'],
  [{ requestsPerSecond: 0 }, RangeError, 'requestsPerSecond', '> 0', '0 (number)'],
  [{ requestsPerSecond: -0 }, RangeError, 'requestsPerSecond', '> 0'],
  [{ requestsPerSecond: -5 }, RangeError, 'requestsPerSecond', '> 0', '-5 (number)'],
  [{ requestsPerSecond: Infinity }, RangeError, 'requestsPerSecond', 'finite', 'Infinity (number)'],
  [{ requestsPerSecond: 1e16 }, RangeError, 'requestsPerSecond', '<= 1e15'],
  [{ requestsPerSecond: '10' }, TypeError, 'requestsPerSecond', '> 0', '"10" (string)'],
  [{ requestsPerSecond: 10n }, TypeError, 'requestsPerSecond', '10n (bigint)'],
  [{ requestsPerSecond: [10] }, TypeError, 'requestsPerSecond', 'an array of 1'],
  [{ burstSize: 0.5 }, RangeError, 'burstSize', '>= 1', '0.5 (number)'],
  [{ burstSize: 0 }, RangeError, 'burstSize', '>= 1', '0 (number)'],
  [{ burstSize: -1 }, RangeError, 'burstSize', '>= 1'],
  [{ burstSize: NaN }, RangeError, 'burstSize', 'NaN'],
  [{ burstSize: Infinity }, RangeError, 'burstSize', 'Infinity'],
  [{ burstSize: '5' }, TypeError, 'burstSize', '"5" (string)'],
  [{ waitOnLimit: 'yes' }, TypeError, 'waitOnLimit', 'true or false', '"yes" (string)'],
  [{ waitOnLimit: 0 }, TypeError, 'waitOnLimit'],
  [{ onWait: 5 }, TypeError, 'onWait', 'function', '5 (number)'],
  [{ maxWaitMs: -1 }, RangeError, 'maxWaitMs', '>= 0', '-1 (number)'],
  [{ maxWaitMs: NaN }, RangeError, 'maxWaitMs', 'NaN'],
  [{ maxWaitMs: '5' }, TypeError, 'maxWaitMs', '"5" (string)'],
  [{ maxQueue: 1.5 }, RangeError, 'maxQueue', 'integer', '1.5 (number)'],
  [{ maxQueue: -1 }, RangeError, 'maxQueue', '>= 0'],
  [{ maxQueue: '5' }, TypeError, 'maxQueue', '"5" (string)'],
  [{ name: '' }, RangeError, 'name', 'empty'],
  [{ name: 5 }, TypeError, 'name', 'string', '5 (number)'],
  [{ name: 'x'.repeat(201) }, RangeError, 'name', '200', '201'],
  [{ scope: 'galaxy', name: 'x' }, RangeError, 'scope', "'process', 'machine'", '"galaxy"'],
  [{ scope: 5, name: 'x' }, TypeError, 'scope', '5 (number)'],
  [{ scope: 'machine' }, TypeError, 'scope', 'name'],
  [{ clock: Date }, TypeError, 'clock', 'setTimeout', 'function Date'],
  [{ clock: { now: () => 0 } }, TypeError, 'clock', 'clearTimeout'],
  [
    { requestPerSecond: 10 },
    TypeError,
    "'requestPerSecond'",
    'requestsPerSecond, burstSize',
    "did you mean 'requestsPerSecond'",
  ],
  [{ limit: 10 }, TypeError, "'limit'", 'requestsPerSecond, burstSize'],
  [new RateLimiter(), TypeError, 'must not be a limiter', 'an object (RateLimiter)'],
  [
    new KeyedRateLimiter({ capacity: 1 }),
    TypeError,
    'an object (KeyedRateLimiter)',
    'withRateLimit({ keyed, limiter })',
  ],
  [RateLimiter.all({ one: {} }), TypeError, 'an object (RateLimiterAll)', 'await acquire() of RateLimiter.all()'],
  [retry(), TypeError, 'a policy of another kind', 'an object (Retry)', 'put a policy into pipeline()'],
  [null, TypeError, 'object', 'null'],
  ['10', TypeError, 'object', '"10" (string)'],
  [10, TypeError, 'object', '10 (number)'],
  [[], TypeError, 'object', 'an array of 0'],
]

describe('the constructor', () => {
  it.each(badPolicies)('refuses %o', (policy, errorClass, ...texts) => {
    refuses(() => new RateLimiter(policy as object), errorClass, ...texts)
  })
})

it('refuses what cannot even be looked at by the name of its option', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const thrower = Object.defineProperty({}, 'constructor', {
    get() {
      throw new Error('no')
    },
  })
  const named = Object.defineProperty(() => 1, 'name', { value: Symbol('n') })
  const refused = (maxQueue: unknown, what: string): void =>
    refuses(() => new RateLimiter({ maxQueue: maxQueue as number }), TypeError, 'maxQueue must be', `received ${what}`)
  refused(proxy, 'an object that cannot be looked at')
  refused(thrower, 'an object that cannot be looked at')
  refused(named, 'a function that cannot be looked at')
})

describe('a refused call changes nothing', () => {
  const badTokens: [unknown, Class, ...string[]][] = [
    [0, RangeError, 'tokens', '> 0', '0 (number)'],
    [-1, RangeError, 'tokens', '> 0', '-1 (number)'],
    [NaN, RangeError, 'tokens', 'NaN'],
    [Infinity, RangeError, 'tokens', '<= 5', 'Infinity'],
    [5.001, RangeError, 'tokens', '<= 5', '5.001 (number)'],
    ['1', TypeError, 'tokens', '"1" (string)'],
    [1n, TypeError, 'tokens', '1n (bigint)'],
    [{}, TypeError, 'tokens', 'an object (Object)'],
  ]

  it.each(badTokens)('tokens of %o', async (tokens, errorClass, ...texts) => {
    const { clock, limiter } = limited({ burstSize: 5 })
    const bad = tokens as number
    refuses(() => limiter.tryAcquire(bad), errorClass, ...texts)
    refuses(() => limiter.acquireSync(bad), errorClass, ...texts)
    refuses(() => limiter.reserve(bad), errorClass, ...texts)
    const rejected: unknown = await limiter.acquire(bad).catch((error: unknown) => error)
    refuses(
      () => {
        throw rejected
      },
      errorClass,
      ...texts,
    )
    expect(limiter.getAvailableTokens()).toBe(5)
    expect(limiter.stats()).toEqual({ allowed: 0, denied: 0, waiting: 0, waitedMs: 0 })
    expect(clock.pendingTimers).toBe(0)
  })

  it('tokens beyond the burst reject at once: they could never be there', async () => {
    const { clock, limiter } = limited({ burstSize: 5 })
    await expect(limiter.acquire(6)).rejects.toThrow(/tokens.*<= 5.*6/)
    expect(clock.now()).toBe(0)
    limiter.update({ burstSize: 6 })
    expect(limiter.tryAcquire(5)).toBe(true)
  })

  it('refund, pauseFor and update of anything but such numbers', () => {
    const { limiter } = limited({ burstSize: 5 })
    limiter.tryAcquire(2)
    for (const bad of [-1, NaN, Infinity]) {
      refuses(() => limiter.refund(bad), RangeError, 'tokens', '>= 0', String(bad))
      refuses(() => limiter.pauseFor(bad), RangeError, 'ms', '>= 0', String(bad))
      refuses(() => limiter.update({ requestsPerSecond: bad }), RangeError, 'requestsPerSecond', String(bad))
      refuses(() => limiter.update({ requestsPerSecond: 50, burstSize: bad }), RangeError, 'burstSize', String(bad))
    }
    refuses(() => limiter.refund('1' as never), TypeError, 'tokens', '"1" (string)')
    refuses(() => limiter.pauseFor('1' as never), TypeError, 'ms', '"1" (string)')
    refuses(() => limiter.update({ rate: 1 } as never), TypeError, "'rate'", 'requestsPerSecond, burstSize')
    refuses(() => limiter.update(5 as never), TypeError, '5 (number)')
    expect(limiter.getAvailableTokens()).toBe(3)
    expect(limiter.policy).toMatchObject({ requestsPerSecond: 10, burstSize: 5 })
  })

  it('options of a wait that are unknown or of the wrong type', async () => {
    const { limiter } = limited({ burstSize: 5 })
    const rejection = (options: unknown): Promise<unknown> =>
      limiter.acquire(1, options as never).catch((error: unknown) => error)
    expect(await rejection({ maxWait: 5 })).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining("did you mean 'maxWaitMs'"),
    })
    expect(await rejection({ maxWaitMs: -1 })).toMatchObject({
      name: 'RangeError',
      message: expect.stringContaining('-1 (number)'),
    })
    expect(await rejection({ signal: {} })).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining('signal must be an AbortSignal'),
    })
    expect(await rejection(5)).toMatchObject({ name: 'TypeError', message: expect.stringContaining('5 (number)') })
    refuses(
      () => limiter.reserve(1, { signal: new AbortController().signal } as never),
      TypeError,
      "'signal'",
      'maxWaitMs',
    )
    refuses(() => limiter.acquireSync(1, { maxWaitMs: NaN }), RangeError, 'maxWaitMs', 'NaN')
    expect(limiter.getAvailableTokens()).toBe(5)
  })

  it('execute and wrap of what is no function', async () => {
    const { limiter } = limited({ burstSize: 5 })
    await expect(limiter.execute('fn' as never)).rejects.toThrow(/fn must be a function; received "fn"/)
    expect(() => limiter.wrap(undefined as never)).toThrow(TypeError)
    expect(limiter.getAvailableTokens()).toBe(5)
  })
})

describe('from', () => {
  const handle = new RateLimiter({ requestsPerSecond: 1, burstSize: 5 }).share() as RateLimiterHandle & {
    buffer: SharedArrayBuffer
    cell: number
  }

  it.each([
    undefined,
    null,
    5,
    'handle',
    {},
    [],
    { kind: 'other' },
    { kind: 'other.RateLimiter', buffer: new SharedArrayBuffer(64) },
  ])('refuses %o', (foreign) => {
    refuses(() => RateLimiter.from(foreign as never), TypeError, 'handle must be what RateLimiter.share() returned')
  })

  it('refuses a handle with keys that are not ours', () => {
    refuses(() => RateLimiter.from({ ...handle, extra: 1 } as never), TypeError, "'extra'")
    refuses(
      () => RateLimiter.from({ ...handle, policy: { ...handle.policy, extra: 1 } } as never),
      TypeError,
      "'extra'",
    )
  })

  it.each([
    ['none', undefined],
    ['a plain ArrayBuffer', new ArrayBuffer(65536)],
    ['a view', new Uint8Array(new SharedArrayBuffer(65536))],
    ['a foreign SharedArrayBuffer', new SharedArrayBuffer(65536)],
    ['one that is too small', new SharedArrayBuffer(64)],
    ['one of an odd size', new SharedArrayBuffer(1000)],
    ['an empty one', new SharedArrayBuffer(0)],
  ])('refuses as its memory %s', (_what, buffer) => {
    const given = { ...handle, buffer } as never
    refuses(() => RateLimiter.from(given), TypeError, 'handle.buffer', 'region of amorsize')
  })

  it.each([0, -1, 1.5, NaN, 1e9, '1', undefined])('refuses the cell %o', (cell) => {
    refuses(() => RateLimiter.from({ ...handle, cell } as never), TypeError, 'handle.cell', 'integer from 1 to')
  })

  it('refuses the cells that are too few at the end', () => {
    const cell = bytesOf(handle.buffer).byteLength / CELL_BYTES - 1
    refuses(() => RateLimiter.from({ ...handle, cell }), TypeError, 'handle.cell', 'integer from 1 to')
  })

  it('refuses a region of another layout version, and says which', () => {
    const error = thrownWith(wordsAt({ ...handle, cell: 0 }), 1, 99n)
    expect(error).toMatchObject({ code: 'ERR_SHARED_MEMORY', reason: 'layout-version' })
    expect((error as Error).message).toMatch(new RegExp(`version 99.*version ${LAYOUT_VERSION}`))
  })

  it('refuses cells of another kind, of another version, or of none', () => {
    for (const word of [0n, 1n, kindWord(7), kindWord(KIND.tokenBucket) + (1n << 32n)]) {
      const error = thrownWith(wordsAt(handle), 0, word)
      expect(SharedMemoryError.is(error)).toBe(true)
      expect(error).toMatchObject({ reason: 'wrong-kind' })
    }
    expect(RateLimiter.from(handle).getAvailableTokens()).toBe(5)
  })

  /** What opening the handle throws while a word of its memory is another. */
  function thrownWith(words: BigInt64Array, index: number, word: bigint): unknown {
    const before = words[index]!
    words[index] = word
    try {
      RateLimiter.from(handle)
      return undefined
    } catch (error) {
      return error
    } finally {
      words[index] = before
    }
  }
})

describe('acquire', () => {
  it.each([
    [null, 'received null'],
    [{ signal: new AbortController().signal }, 'options are the second argument'],
  ])('refuses %j for tokens', async (tokens, text) => {
    const { limiter } = limited()
    await expect(limiter.acquire(tokens as unknown as number)).rejects.toThrow(text)
    expect(limiter.getAvailableTokens()).toBe(1)
  })
})
