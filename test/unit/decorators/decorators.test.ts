import { describe, expect, it } from 'vitest'
import { guardFactory } from '../../../dist/decorators/guard.js'
import { withFallback } from '../../../dist/index.js'
import { Recorder, withRecorder } from '../../types/both/recorder.js'

// How compilers call decorators, written out by hand: what TypeScript 5 and 6 really emit is run in decorator-types.test.ts.
// The casts are for calls that no typed program could make.
const untyped = withRecorder as unknown as (...args: unknown[]) => (...args: unknown[]) => unknown

function standardContext(kind: string, name: string | symbol = 'member', isStatic = false): object {
  return { kind, name, static: isStatic, private: false, access: {}, metadata: {}, addInitializer: () => undefined }
}

interface Guarded {
  (...args: unknown[]): Promise<unknown>
  policy: Recorder
}

const load = async (id: number): Promise<number> => id + 1

describe('a guard as a wrapper', () => {
  it.each([
    ['with options', withRecorder({ label: 'a' })(load), 'a'],
    ['with empty parentheses', withRecorder()(load), 'default'],
    ['without parentheses', withRecorder(load), 'default'],
    ['with undefined for options', withRecorder(undefined)(load), 'default'],
    ['with an existing policy', withRecorder(new Recorder({ label: 'b' }))(load), 'b'],
  ])('%s runs the function under the policy', async (_, guarded, label) => {
    expect(await guarded(1)).toBe(2)
    expect(guarded.policy.label).toBe(label)
    expect(guarded.policy.calls).toBe(1)
  })

  it('keeps own properties, accessors and symbols, as they are', async () => {
    const hidden = Symbol('hidden')
    const rich = Object.defineProperties(async (id: number) => id + 1, {
      route: { value: '/users', enumerable: true, writable: true },
      [hidden]: { value: 1 },
      late: { get: () => 'read now', configurable: true },
      broken: {
        get() {
          throw new Error('must not be read')
        },
        configurable: true,
      },
    })
    const guarded = withRecorder()(withRecorder()(rich)) as unknown as Record<PropertyKey, unknown> & Guarded
    expect(Object.getOwnPropertyDescriptor(guarded, 'route')).toMatchObject({ value: '/users', enumerable: true })
    expect(Object.getOwnPropertyDescriptor(guarded, hidden)).toMatchObject({ value: 1, enumerable: false })
    expect([guarded['late'], guarded.name, guarded.length]).toEqual(['read now', rich.name, 1])
    expect(await guarded(1)).toBe(2)
  })

  it('guards the copy that another library makes of a guarded function, not what that copy does not run', async () => {
    const guarded = withRecorder()(load)
    const copy = Object.defineProperties(
      async (id: number) => (await guarded(id)) * 100,
      Object.getOwnPropertyDescriptors(guarded),
    )
    expect(await withRecorder()(copy)(1)).toBe(200)
  })

  it('uses the very policy it was given', () => {
    const policy = new Recorder()
    expect(withRecorder(policy)(load).policy).toBe(policy)
    expect(withRecorder(policy).policy).toBe(policy)
  })

  it('shares one policy among all functions it guards, and makes a new one for each use without parentheses', () => {
    const guard = withRecorder({ label: 'one' })
    expect(guard(load).policy).toBe(guard(async () => 1).policy)
    expect(withRecorder(load).policy).not.toBe(withRecorder(load).policy)
  })

  it('keeps name, length and this', async () => {
    function add(this: { base: number }, a: number, b: number): number {
      return this.base + a + b
    }
    const guarded = withRecorder(add)
    expect([guarded.name, guarded.length]).toEqual(['add', 2])
    expect(await guarded.call({ base: 1 }, 2, 3)).toBe(6)
  })

  it('turns a synchronous throw into a rejection', async () => {
    const guarded = withRecorder((): number => {
      throw new RangeError('sync')
    })
    await expect(guarded()).rejects.toThrow(RangeError)
  })

  it('composes, the outermost wrapper first', async () => {
    const log: string[] = []
    const inner = withRecorder({ label: 'inner', log })(load)
    const outer = withRecorder({ label: 'outer', log })(inner)
    expect(await outer(1)).toBe(2)
    expect(log).toEqual(['outer', 'inner'])
    expect([outer.name, outer.length]).toEqual(['load', 1])
  })

  it('takes the arguments of Array.map and the like for what they are', async () => {
    const guarded = [load, load].map(untyped() as () => Guarded)
    expect(await Promise.all(guarded.map((fn) => fn(1)))).toEqual([2, 2])
    expect(await ([load].map(untyped)[0] as unknown as Guarded)(1)).toBe(2)
    const handlers = { get: load, post: load }
    const byKey = untyped()(handlers.get, 'get', handlers) as Guarded
    expect(await byKey(1)).toBe(2)
  })

  it('accepts a built-in function', async () => {
    expect(await withRecorder(Number)('7')).toBe(7)
  })
})

describe('a guard as a standard decorator', () => {
  it.each([
    ['with parentheses', untyped()],
    ['without parentheses', untyped],
    ['with a policy', untyped(new Recorder())],
  ])('%s returns the guarded method', async (_, decorate) => {
    const method = {
      async get(this: { base: number }, n: number) {
        return this.base + n
      },
    }.get
    const guarded = decorate(method, standardContext('method', 'get')) as Guarded
    expect(await guarded.call({ base: 1 }, 2)).toBe(3)
    expect([guarded.name, guarded.length, guarded.policy.calls]).toEqual(['get', 1, 1])
  })

  it.each([
    [
      'getter',
      function get() {
        return 1
      },
    ],
    [
      'setter',
      function set() {
        return undefined
      },
    ],
    ['field', undefined],
    ['accessor', { get: () => 1, set: () => undefined }],
    ['class', class Service {}],
  ])('refuses a %s with a TypeError that names it', (kind, value) => {
    const message = new RegExp(`^@withRecorder can decorate only methods, not the ${kind} member`)
    expect(() => untyped()(value, standardContext(kind))).toThrow(message)
    expect(() => untyped(value, standardContext(kind))).toThrow(message)
    expect(() => untyped(value, standardContext(kind))).toThrow(TypeError)
  })

  it('says how to guard a function that is kept in a field', () => {
    expect(() => untyped()(undefined, standardContext('field', 'load'))).toThrow(
      /write: load = withRecorder\(\.\.\.\)\(function\)/,
    )
  })

  it('names members by symbol', () => {
    expect(() => untyped()(undefined, standardContext('field', Symbol('id')))).toThrow(/the field Symbol\(id\)/)
  })

  it('refuses a generator method, whose caller expects no promise', () => {
    const { walk, walkAsync } = {
      *walk() {
        yield 1
      },
      async *walkAsync() {
        yield 1
      },
    }
    expect(() => untyped()(walk, standardContext('method', 'walk'))).toThrow(/not the generator walk/)
    expect(() => untyped()(walkAsync, standardContext('method', 'walkAsync'))).toThrow(TypeError)
  })
})

describe('a guard as a legacy decorator', () => {
  const descriptor = { value: load, writable: true, enumerable: false, configurable: true }
  class Service {}
  const prototype: object = Service.prototype

  it.each([
    ['an instance method', prototype, 'load'],
    ['a static method', Service, 'load'],
    ['a method named by a symbol', prototype, Symbol('load')],
    ['a method named by a number', prototype, 1],
  ])('guards %s and keeps the other attributes', async (_, target, key) => {
    for (const decorate of [untyped(), untyped]) {
      const changed = decorate(target, key, descriptor) as PropertyDescriptor
      expect(changed).toEqual({ ...descriptor, value: expect.any(Function) })
      expect(await (changed.value as Guarded)(1)).toBe(2)
      expect(descriptor.value).toBe(load)
    }
  })

  it.each([
    ['a getter', 'value', { get: () => 1, set: undefined, enumerable: false, configurable: true }, 'the getter value'],
    [
      'a setter',
      'value',
      { get: undefined, set: () => undefined, enumerable: false, configurable: true },
      'the setter value',
    ],
    ['a field (TypeScript)', 'load', undefined, 'the field load'],
    [
      'a field (Babel)',
      'load',
      { initializer: () => load, configurable: true, enumerable: true, writable: true },
      'the field load',
    ],
    ['a parameter of a method', 'load', 0, 'parameter 0 of load'],
    ['a parameter of a constructor', undefined, 1, 'parameter 1 of constructor'],
  ])('refuses %s with a TypeError that names it', (_, key, third, what) => {
    for (const target of [Service, prototype]) {
      expect(() => untyped()(target, key, third)).toThrow(`@withRecorder can decorate only methods, not ${what}`)
      expect(() => untyped(target, key, third)).toThrow(TypeError)
    }
  })

  it('refuses a class', () => {
    expect(() => untyped()(Service)).toThrow('@withRecorder can decorate only methods, not the class Service')
    expect(() => untyped(Service)).toThrow(TypeError)
    // A function would be its substitute.
    expect(() => (withFallback as (substitute: unknown) => unknown)(Service)).toThrow('not the class Service')
  })

  it('refuses a property that holds no function', () => {
    expect(() => untyped()(Service, 'limit', { ...descriptor, value: 5 })).toThrow('limit is 5 (number)')
  })
})

describe('wrong use of a guard', () => {
  it.each([[1], ['load'], [null], [undefined], [{}], [[]]])('refuses %j for a function', (value) => {
    expect(() => untyped()(value)).toThrow(
      /^withRecorder must be given the function to guard, or decorate a method; received /,
    )
    expect(() => untyped()(value)).toThrow(TypeError)
  })

  it('refuses a policy of another kind, and options beside a policy', () => {
    const other = Object.assign(new Recorder(), { kind: 'other' })
    expect(() => untyped(other)).toThrow(
      'withRecorder takes a policy of kind \'recorder\'; received one of kind "other"',
    )
    expect(() => untyped(new Recorder(), {})).toThrow(TypeError)
  })

  it('hands the options, and only them, to the maker of the policy, and lets its errors through', () => {
    const seen: unknown[][] = []
    const withSeen = guardFactory({
      name: 'withSeen',
      kind: 'seen',
      create: (...args: [] | [ms: number, options?: { strategy: string }]) => {
        seen.push(args)
        if (args[0] === -1) throw new RangeError('ms must be > 0')
        return new Recorder()
      },
    })
    withSeen(5, { strategy: 'x' })
    withSeen(load)
    expect(seen).toEqual([[5, { strategy: 'x' }], []])
    expect(() => withSeen(-1)).toThrow(RangeError)
    expect(withSeen.name).toBe('withSeen')
  })

  it('makes no policy when what it decorates is refused', () => {
    let made = 0
    const withMade = guardFactory({ name: 'withMade', kind: 'made', create: () => (made++, new Recorder()) })
    expect(() => (withMade as unknown as (value: unknown) => unknown)(class {})).toThrow(TypeError)
    expect(made).toBe(0)
  })
})
