// What the source of a function shows: names that it captures, and helpers that a worker must give it.
import { describe, expect, it } from 'vitest'
import { analyseFunction } from '../../../dist/execute/transfer/captured-variables.js'
import { helperOf } from '../../../dist/execute/transfer/helpers.js'

const capturedBy = (source: string): readonly string[] => analyseFunction(source).captured

describe('names that a function captures', () => {
  it.each([
    // Its own, and those of what surrounds it.
    ['(n) => n', []],
    ['(n) => m', ['m']],
    ['(b, a) => c + d + c', ['c', 'd']],
    ['(n) => { label: for (;;) { other; break label } }', ['other']],
    ['(n) => { label: for (;;) continue label }', []],
    ['(n) => o.name + o[key] + o?.[other]', ['key', 'o', 'other']],
    ['(n) => ({ name: value, [key]: 1, shorthand })', ['key', 'shorthand', 'value']],
    ['(n) => `${text}` + tag`x` + typeof maybe', ['maybe', 'tag', 'text']],
    ['async (n) => { await later(n) }', ['later']],
    ['function* (n) { yield* others }', ['others']],
    ['(n) => () => () => deep', ['deep']],
    // Patterns.
    ['({ a, b: c, ...d }, [e, , ...f], g = h) => [a, c, d, e, f, g]', ['h']],
    ['({ a: b }) => a', ['a']],
    ['({ [key]: n }) => n', ['key']],
    ['(n, second = e) => { var e = 3; return n + second + e }', ['e']],
    ['(n) => { const [, { a = b }] = n; return a }', ['b']],
    // Where a name holds: var in all of a function, others in their block.
    ['(n) => { if (n) { var v = 1 } return v }', []],
    ['(n) => { if (n) { let v = 1 } return v }', ['v']],
    ['(n) => { const f = () => { var v = 1 }; return v }', ['v']],
    ['(n) => { class A { static { var v = 1; v } } return v }', ['v']],
    ['(n) => { for (var i of n); for (let j of n) j; return i }', []],
    ['(n) => { for (const i in n); return i }', ['i']],
    ['(n) => { for (let i = 0; i < n; i++); return i }', ['i']],
    ['(n) => { try { n() } catch (e) { return e } }', []],
    ['(n) => { try { n() } catch { return e } }', ['e']],
    ['(n) => { try { n() } catch ({ code }) { return code } return code }', ['code']],
    ['(n) => { switch (n) { case 1: let a = 1; case 2: a } return a }', ['a']],
    ['(n) => { return f() + new A(); function f() {} class A {} }', []],
    ['(n) => { { function f() {} class A {} } return new A() }', ['A']],
    ['function f(n) { return f(n) }', []],
    ['(n) => { const g = function f() { return f }; return f }', ['f']],
    // Classes.
    ['(n) => class A extends B { [c] = A; d() { return e } static f = g; static { h } }', ['B', 'c', 'e', 'g', 'h']],
    ['(n) => class A { #p = 1; a = this.#p; static b = super.c; constructor() { this.a } }', []],
    ['(n) => class { [this.x]() {} }', ['this']],
    ['class A {}', ['class']],
    ['class A extends B { m() { return c } }', ['class']],
    // this, super, arguments: of functions and methods within, not of the task itself.
    ['(n) => this', ['this']],
    ['function (n) { return this }', ['this']],
    ['(n) => function () { return () => this }', []],
    ['(n) => () => this', ['this']],
    ['(n) => ({ m() { return this }, get g() { return super.g }, set s(v) { this.v = v } })', []],
    ['(n) => ({ p: this })', ['this']],
    ['(n) => ({ p: () => this })', ['this']],
    ['m(n) { return this }', ['this']],
    ['m(n) { return super.m }', ['super']],
    ['get g() { return this }', ['[an accessor]']],
    ['set s(v) { return v }', ['[an accessor]']],
    ['(n) => arguments', ['arguments']],
    ['(n) => () => arguments', ['arguments']],
    ['function (n) { return () => arguments }', []],
    ['async m(n) { return n }', []],
    ['*m(n) { yield n }', []],
    ['[key](n) { return n }', ['key']],
    ['["key"](n) { return n }', []],
    ['function (n) { return new.target }', []],
    // Its own properties, which somebody else may have given it.
    ['function price(n) { return price["table"][n] }', ['price.table']],
    ['function price(n) { return [n].map((one) => price.of(one)) }', ['price.of']],
    // What every thread has.
    ['(n) => [Array, Map, WeakRef, Atomics, Intl, undefined, globalThis, isNaN]', []],
    ['(n) => [Buffer, process, fetch, structuredClone, setTimeout, console]', []],
    [
      '(n) => [toString, hasOwnProperty, module, exports, __dirname, document]',
      ['__dirname', 'document', 'exports', 'hasOwnProperty', 'module', 'toString'],
    ],
    ['(n) => eval("n")', ['eval']],
    ['(eval) => eval("n")', ['eval']],
    // Modules.
    ['(n) => import("node:os")', []],
    ['(n) => import("file:///a.mjs")', []],
    ['(n) => import("data:text/javascript,")', []],
    ['(n) => import("os")', []],
    ['(n) => import("lodash")', ['import()']],
    ['(n) => import("./node:os")', ['import()']],
    ['(n) => import(n)', ['import()']],
    ['(n) => import(m)', ['import()', 'm']],
    ['(n) => import(5)', ['import()']],
    ['(n) => import.meta.url', ['import.meta']],
    ['(n) => require("os")', []],
    ['(n) => require("node:fs/promises")', []],
    ['(n) => require("lodash")', ['require']],
    ['(n) => require()', ['require']],
    ['(n) => require(m)', ['m', 'require']],
    ['(n) => require', ['require']],
    ['(n) => require.resolve("os")', ['require']],
    ['(n) => require("os") + require("lodash")', ['require']],
    ['(n) => o.require("lodash")', ['o']],
    ['(require) => require("lodash")', []],
    ['(n) => __vite_ssr_dynamic_import__("node:os")', []],
    ['(n) => __vite_ssr_dynamic_import__("data:text/javascript,")', []],
    ['(n) => __vite_ssr_dynamic_import__("/@id/__vite-browser-external:node:os")', []],
    ['(n) => __vite_ssr_dynamic_import__("/@id/x.mjs")', ['import()']],
    ['(n) => __vite_ssr_dynamic_import__("/x.mjs")', ['import()']],
    // Counters of coverage.
    ['(n) => cov_1a().s[0]++', []],
    ['(n) => cov_1a.b[0][1]++', []],
    ['(n) => cov_1a().f + cov_1a().x', ['cov_1a']],
    ['(n) => cov_1a(n).s', ['cov_1a']],
    ['(n) => cov_1a()["s"]', ['cov_1a']],
    ['(n) => cov_1a()[s]', ['cov_1a', 's']],
    ['(n) => cov_1a().sx', ['cov_1a']],
    ['(n) => cov_1a().xs', ['cov_1a']],
    ['(n) => cov_1aX.s', ['cov_1aX']],
    ['(n) => cov_1a', ['cov_1a']],
    ['(n) => uncov_1a.s + cov_A.s', ['cov_A', 'uncov_1a']],
    ['(n) => (n, cov_1a)().s', ['cov_1a']],
    ['(cov_1a) => cov_1a.s', []],
    // What is no function that can stand by itself.
    ['function () { [native code] }', ['[native code]']],
    ['function bound f() { [native code] }', ['[native code]']],
    ['m(n) { return this.#p }', ['[a name of its class]']],
    ['no function at all', ['[a name of its class]']],
  ])('%s', (source, captured) => {
    expect(capturedBy(source)).toEqual(captured)
  })
})

it('names the helpers that a function uses', () => {
  const helpersOf = (source: string): readonly string[] => [...analyseFunction(source).helpers].sort()
  expect(helpersOf('(n) => n')).toEqual([])
  expect(helpersOf('(n) => __name(() => cov_1a().f[0]++, __importStar(require("os")))')).toEqual([
    '__importStar',
    '__name',
    'cov_1a',
    'require',
  ])
  expect(helpersOf('(n) => _interopRequireWildcard(require("os"))')).toEqual(['_interopRequireWildcard', 'require'])
  expect(helpersOf('(n) => __vite_ssr_dynamic_import__("node:os")')).toEqual(['__vite_ssr_dynamic_import__'])
  expect(helpersOf('(require, __name, cov_1a) => __name(cov_1a.f[0]++, require("os"))')).toEqual([])
  expect(helpersOf('(n) => require("lodash")')).toEqual([])
})

it('has what a worker gives a function for them', async () => {
  const keepName = helperOf('__name') as (fn: () => void, name: string) => () => void
  const kept = keepName(() => undefined, 'kept')
  expect(kept.name).toBe('kept')
  expect(keepName(kept, 'again').name).toBe('again')
  const require = helperOf('require') as (name: string) => object
  const os = require('os')
  expect(os).toBe(process.getBuiltinModule('os'))
  for (const name of ['__importStar', '__importDefault', '_interopRequireWildcard', '_interop_require_wildcard'])
    expect((helperOf(name) as (module: object) => object)(os)).toEqual({ ...os, default: os })
  const load = helperOf('__vite_ssr_dynamic_import__') as (url: string) => Promise<{ default: unknown }>
  for (const url of ['node:os', '/@id/__vite-browser-external:node:os']) expect((await load(url)).default).toBe(os)
  type Counters = Record<'f' | 's', number[]> & { b: number[][] }
  const counters = helperOf('cov_1a') as Counters & (() => Counters)
  for (const { f, s, b } of [counters, counters()]) expect([f[0]!++, s[1]!++, b[2]![0]!++]).toEqual([NaN, NaN, NaN])
  expect(helperOf('cov_1a')).not.toBe(counters)
})

it('tells whether the code is strict, or may be taken for it', () => {
  expect(analyseFunction('(n) => n').isStrict).toBe(true)
  expect(analyseFunction('function (n) { with (n) return m }').isStrict).toBe(false)
  expect(analyseFunction('function (n, n) { return n }')).toMatchObject({ captured: [], isStrict: false })
})

it.each([
  ['(n) => n * 2', 4],
  ['function (n) { return n * 2 }', 4],
  ['double(n) { return n * 2 }', 4],
  ['async function (n) { return n * 2 }', 4],
  ['["a b"](n) { return n * 2 }', 4],
])('gives an expression that makes the function: %s', async (source, result) => {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that is what it is for
  const fn = new Function(`return ${analyseFunction(source).expression}`)() as (n: number) => unknown
  expect(await fn(2)).toBe(result)
})
