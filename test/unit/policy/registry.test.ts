import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  chaos,
  fallback,
  pipeline,
  RateLimiter,
  registry,
  retry,
  RetryBudget,
  timeout,
  type RegistryChanges,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

function settingsOf(policy: object): unknown {
  return inspect(policy)
}

function several() {
  return registry({
    api: new RateLimiter({ requestsPerSecond: 100 }),
    again: retry({ maxRetries: 2 }),
    slow: timeout(2000),
    faults: chaos({ enabled: false }),
  })
}

describe('registry', () => {
  it('finds what it was given, in its order and with its type', () => {
    const api = new RateLimiter({ requestsPerSecond: 100 })
    const slow = timeout(2000)
    const budget = new RetryBudget()
    const limits = registry({ api, slow }).add('budget', budget)
    expectTypeOf(limits.get('api')).toEqualTypeOf<RateLimiter>()
    expectTypeOf(limits.get('budget')).toEqualTypeOf<RetryBudget>()
    expect([limits.get('api'), limits.get('slow'), limits.get('budget')]).toEqual([api, slow, budget])
    expect([...limits]).toEqual([
      ['api', api],
      ['slow', slow],
      ['budget', budget],
    ])
    expect([limits.size, limits.has('api'), limits.has('Api')]).toEqual([3, true, false])
    expect(Object.fromEntries(limits)).toEqual({ api, slow, budget })
    expect(registry().size).toBe(0)
  })

  it('shows what it holds', () => {
    expect(inspect(registry({ slow: timeout(2000) }))).toMatch(/^Registry \{\n? *slow: Timeout \{/)
  })

  it('forgets what is deleted, and takes the name again', () => {
    const limits = registry({ slow: timeout(1) })
    expect([limits.delete('slow'), limits.delete('slow'), limits.size]).toEqual([true, false, 0])
    const next = timeout(2)
    expect(limits.add('slow', next).get('slow')).toBe(next)
  })

  it('takes names that objects have by nature', () => {
    const policy = timeout(1)
    const limits = registry().add('__proto__', policy).add('constructor', policy)
    expect([limits.get('__proto__'), limits.get('constructor'), limits.has('toString')]).toEqual([
      policy,
      policy,
      false,
    ])
    expect(() => registry({}).get('toString' as never)).toThrow("the registry has no 'toString'; it has nothing yet")
  })

  it('changes several, and leaves the others', () => {
    const limits = several()
    limits.update({ api: { requestsPerSecond: 50 }, slow: 5000, faults: { enabled: true }, again: undefined })
    expect(settingsOf(limits.get('api'))).toContain('requestsPerSecond: 50')
    expect(limits.get('faults').enabled).toBe(true)
    expect(settingsOf(limits.get('slow'))).toContain('timeoutMs: 5000')
    limits.update({})
    limits.update({ again: { maxRetries: 7 } })
    expect(settingsOf(limits.get('again'))).toContain('maxRetries: 7')
  })

  it('changes nothing where one change is wrong, wherever it stands', () => {
    const wrong: [string, object, RegExp, ErrorConstructor][] = [
      ['api', { requestsPerSecond: -1 }, /^'api': requestsPerSecond must be/, RangeError],
      ['api', { rps: 5 }, /^'api': unknown RateLimiter.update option 'rps'/, TypeError],
      ['again', { maxRetries: 1.5 }, /^'again': maxRetries must be/, RangeError],
      ['slow', { timeoutMs: 5 }, /^'slow': timeoutMs must be/, TypeError],
      ['faults', { enabled: 'yes' }, /^'faults': enabled must be/, TypeError],
      ['faults', { name: 'x' }, /^'faults': unknown update option 'name'/, TypeError],
      ['apis', {}, /^the registry has no 'apis'; it has api, again, slow, faults$/, TypeError],
    ]
    for (const [name, change, message, ErrorClass] of wrong) {
      const limits = several()
      const before = inspect(limits)
      const right = { api: { requestsPerSecond: 1 }, again: { maxRetries: 9 }, slow: 1, faults: { enabled: true } }
      const changes = { ...right, [name]: change } as object
      const reversed = Object.fromEntries(Object.entries(changes).reverse())
      for (const each of [changes, reversed]) {
        const error = thrownBy(() => limits.update(each))
        expect(error).toBeInstanceOf(ErrorClass)
        expect((error as Error).message).toMatch(message)
        expect(inspect(limits)).toBe(before)
      }
    }
  })

  it('keeps the error of the one that is wrong', () => {
    const limits = several()
    const alone = thrownBy(() => limits.get('slow').update(-1)) as Error
    const error = thrownBy(() => limits.update({ slow: -1 })) as Error
    expect(error.message).toBe(`'slow': ${alone.message}`)
    expect(error.cause).toEqual(alone)
  })

  it('refuses a change of what has no update, before anything is changed', () => {
    const limits = registry({ slow: timeout(2000), all: pipeline(fallback(1), timeout(1)) })
    const before = inspect(limits)
    expect(() => limits.update({ slow: 1, all: {} } as never)).toThrow(
      new TypeError("'all' has no update: what it is made of may have one, and can be registered itself"),
    )
    expect(inspect(limits)).toBe(before)
    const disposed = registry({ slow: timeout(2000), api: new RateLimiter({ requestsPerSecond: 1 }) })
    disposed.get('api')[Symbol.dispose]()
    const unchanged = settingsOf(disposed.get('slow'))
    expect(() => disposed.update({ slow: 1, api: { burstSize: 5 } })).toThrow(/disposed/)
    expect(settingsOf(disposed.get('slow'))).toBe(unchanged)
  })

  it('tells objects of others before it changes its own', () => {
    const told: number[] = []
    const refusing = {
      update(change: number): void {
        told.push(change)
        if (change < 0) throw new RangeError('too small')
      },
    }
    const limits = registry({ slow: timeout(2000), theirs: refusing })
    const before = settingsOf(limits.get('slow'))
    expect(() => limits.update({ slow: 1, theirs: -1 })).toThrow(new RangeError("'theirs': too small"))
    expect([told, settingsOf(limits.get('slow'))]).toEqual([[-1], before])
    limits.update({ slow: 1, theirs: 3 })
    expect(told).toEqual([-1, 3])
    expect(settingsOf(limits.get('slow'))).toContain('timeoutMs: 1,')
  })

  it('passes on what an object of others throws that is no matter of a wrong value', () => {
    const down = new Error('the store is down')
    const theirs = {
      update(change: number): void {
        if (change > 0) throw down
      },
    }
    expect(thrownBy(() => registry({ theirs }).update({ theirs: 1 }))).toBe(down)
  })

  it('refuses names and entries that are none', () => {
    const policy = timeout(1)
    expect(() => registry(null as never)).toThrow(
      new TypeError('entries must be an object of what each name stands for; received null'),
    )
    expect(() => registry({ slow: 5 as never })).toThrow(
      new TypeError("'slow' must be a limiter or a policy; received 5 (number)"),
    )
    expect(() => registry({ slow: null as never })).toThrow(
      new TypeError("'slow' must be a limiter or a policy; received null"),
    )
    expect(() => registry().add(5 as never, policy)).toThrow(
      new TypeError('name must be a string; received 5 (number)'),
    )
    expect(() => registry({ slow: policy }).add('slow', policy)).toThrow(
      new TypeError("name must be one that is free; received 'slow', which is taken"),
    )
    for (const wrong of [[], new Map([['slow', policy]]), 'slow'])
      expect(() => registry(wrong as never)).toThrow(/^entries must be an object of what each name stands for/)
    for (const wrong of [[], new Map([['slow', 5]]), undefined])
      expect(() => registry({ slow: policy }).update(wrong as never)).toThrow(/^changes must be an object/)
  })

  it('knows which names can be changed, and how', () => {
    type Entries = { api: RateLimiter; slow: ReturnType<typeof timeout>; none: ReturnType<typeof fallback<number>> }
    expectTypeOf<keyof RegistryChanges<Entries>>().toEqualTypeOf<'api' | 'slow'>()
    expectTypeOf<NonNullable<RegistryChanges<Entries>['api']>>().toMatchObjectType<{
      requestsPerSecond?: number | undefined
    }>()
  })

  it('has calls under way go on as they began', async () => {
    const clock = new FakeClock()
    const limits = registry({ slow: timeout(100, { clock }) })
    const call = limits.get('slow').execute(() => new Promise(() => undefined))
    limits.update({ slow: 10 })
    const failed = expect(call).rejects.toMatchObject({ timeoutMs: 100 })
    await clock.advance(100)
    await failed
  })
})

function thrownBy(action: () => void): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
