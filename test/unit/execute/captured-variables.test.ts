import { EOL } from 'node:os'
import { execute, optimize, TaskNotTransferableError } from 'amorsize'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { isForOlderEngines } from '../../../dist/execute/transfer/helpers.js'

// Sources are made apart from this file: what its transformation adds to functions is not the subject.
const fromSource = (source: string, outer = ''): ((item: number) => unknown) =>
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that is the point
  new Function(`${outer}; return ${source}`)() as (item: number) => unknown

async function capturedBy(fn: (item: number) => unknown): Promise<readonly string[]> {
  const error: unknown = await execute(fn, [1, 2, 3], { mode: 'threads', workers: 1, mainThread: false }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return TaskNotTransferableError.is(error) ? error.captured : []
}

describe('captured variables are found', () => {
  it.each([
    ['(n) => n + factor', ['factor']],
    ['(n) => { total += n }', ['total']],
    ['(n) => this', ['this']],
    ['(n) => require("lodash")', ['require']],
    ['(n) => import("./x.mjs")', ['import()']],
    ['(n) => cov_total * n', ['cov_total']],
    ['function price(n) { return price.table[n] }', ['price.table']],
  ])('%s', async (source, captured) => {
    expect(await capturedBy(fromSource(source, 'let factor, total'))).toEqual(captured)
  })

  it('in methods, bound and native functions', async () => {
    expect(await capturedBy(fromSource('({ m(n) { return n + factor } }).m', 'let factor = 1'))).toEqual(['factor'])
    expect(await capturedBy(fromSource('({ m(n) { return super.m(n) } }).m'))).toEqual(['super'])
    const accessor = 'Object.getOwnPropertyDescriptor({ get g() { return 1 } }, "g").get'
    expect(await capturedBy(fromSource(accessor))).toEqual(['[an accessor]'])
    expect(await capturedBy(fromSource('(function (n) { return n }).bind(null)'))).toEqual(['[native code]'])
    expect(await capturedBy(fromSource('new (class { #p = 1; m(n) { return this.#p } })().m'))).not.toEqual([])
  })
})

describe('what captures nothing runs in a thread', () => {
  it.each([
    ['(n) => n * 2', 2],
    ['function double(n) { return n < 1 ? 0 : n * 2 }', 2],
    ['function fact(n) { return n < 2 ? 2 : n * fact(n - 1) }', 2],
    ['function own(n) { own.cache ??= new Map(); return own.cache.size + own.length + own.name.length - 2 }', 2],
    ['function shadowed(n) { const shadowed = { two: 2 }; return shadowed.two }', 2],
    ['function taken(taken) { return taken.constructor === Number ? 2 : 0 }', 2],
    ['async (n) => (await import("fs")).existsSync("/") ? 2 : 0', 2],
    ['(n) => globalThis.ofEveryThread ?? 2', 2],
    [
      'async (n) => { const { setTimeout: sleep } = await import("node:timers/promises"); await sleep(1); return 2 }',
      2,
    ],
    ['({ m(n) { return n * 2 } }).m', 2],
    ['({ async m(n) { return n * 2 } }).m', 2],
    ['({ ["a b"](n) { return n * 2 } })["a b"]', 2],
    ['(n) => { var hoisted = () => late; var late = 2; return hoisted() }', 2],
    [
      '(n) => { class A { static x = 2; #y = 1; get() { return this.#y + this.constructor.x } } return new A().get() - 1 }',
      2,
    ],
    ['({ a = 2 } = {}) => a', 2],
    ['(n, ...rest) => { const f = function () { return arguments.length }; return f(1, 2) }', 2],
    ['(n) => { outer: for (let i = 0; ; i++) { for (;;) { if (i === 2) break outer; continue outer } } return 2 }', 2],
    ['(n) => { switch (n) { case 1: let x = 2; return x; default: return 2 } }', 2],
    ['(n) => Math.max(2, ...[Number("1")])', 2],
    ['(n) => { const o = { this: 1, m() { return this.this } }; return o.m() + 1 }', 2],
  ])('%s', async (source, expected) => {
    const fn = fromSource(source)
    expect(await execute(fn, [1], { mode: 'threads', workers: 1, mainThread: false })).toEqual([expected])
  })

  // What is made here of the names around it, a worker does not see.
  it.each([
    ['esbuild', 'const f = __name(() => n * 2, "f"); return f.name + f()', 'f2'],
    ['TypeScript', `return Promise.resolve().then(() => __importStar(require('node:os'))).then((os) => os.EOL)`, EOL],
    ['TypeScript', `const path = __importDefault(require('path')); return path.default.basename('a/b')`, 'b'],
    ['Babel', `return Promise.resolve().then(() => _interopRequireWildcard(require('os'))).then((o) => o.EOL)`, EOL],
    ['SWC', `const os = _interop_require_wildcard(require("node:os")); return os.default.EOL`, EOL],
    ['CommonJS', `const { EOL } = require('node:os'); return EOL`, EOL],
    ['Vite', `return __vite_ssr_dynamic_import__('node:os').then((os) => os.EOL)`, EOL],
    ['Vite', `return __vite_ssr_dynamic_import__('/@id/__vite-browser-external:node:os').then((os) => os.EOL)`, EOL],
    ['jiti', `return jitiImport('node:os').then((os) => os.EOL)`, EOL],
    ['Istanbul', 'cov_2k3f().f[0]++; return cov_2k3f().s[1]++, n ? (cov_2k3f().b[0][1]++, 2) : 3', 2],
    ['Istanbul before 4', 'cov_2k3f.f[0]++; cov_2k3f.s[1]++; return n && (cov_2k3f.b[0][1]++, 2)', 2],
  ])('also what %s puts into it: %s', async (_, body, expected) => {
    const fn = fromSource(`(n) => { ${body} }`)
    const options = { mode: 'threads', workers: 1, mainThread: false } as const
    expect(await execute(fn, [1], options)).toEqual([expected])
  })
})

it('what a compiler makes for older engines is told apart from what a function captures', async () => {
  const source = 'async (n) => { await null; return { ...n } }'
  const options = { target: ts.ScriptTarget.ES2015, noEmitHelpers: true }
  const compiled = /\(n\) => .*}\)/.exec(ts.transpile(source, options))![0]
  const run = (fn: string) => execute(fromSource(`(${fn})`), [1], { mode: 'threads', workers: 1, mainThread: false })
  await expect(run(compiled)).rejects.toThrow(
    "captures __awaiter, which a thread does not have; export it from a module and pass task(import.meta.url, 'name'), or compile for ES2022 or later, where no function needs that",
  )
  await expect(run(compiled.replace('{}, n', '{}, n, other'))).rejects.toThrow(
    /captures __awaiter, other, which .* task\(import\.meta\.url, 'name'\)$/,
  )
})

it.each([
  [
    'TypeScript',
    '__awaiter __generator __assign __rest __spreadArray __values __read __asyncValues __await __asyncGenerator __classPrivateFieldGet',
  ],
  [
    'Babel',
    '_asyncToGenerator _regeneratorRuntime _objectSpread _objectWithoutProperties _toConsumableArray _slicedToArray _defineProperty',
  ],
  [
    'SWC',
    '_async_to_generator _ts_generator _object_spread _object_spread_props _to_consumable_array _sliced_to_array _define_property',
  ],
  ['Sucrase', '_optionalChain _asyncOptionalChain _optionalChainDelete _nullishCoalesce _asyncNullishCoalesce'],
])('names of %s for older engines are known', (_, names) => {
  expect(names.split(' ').filter((name) => !isForOlderEngines(name))).toEqual([])
})

it.each([
  '__dirname',
  '__filename',
  '__name',
  '_',
  '_extended',
  'extends_',
  'awaiter',
  '_readFile',
  '__valuesOf',
  'await',
])('%s is not one of them', (name) => {
  expect(isForOlderEngines(name)).toBe(false)
})

it('a closure stays in this thread, and the plan says what it captures', async () => {
  const factor = 3
  const busy = (n: number): number => {
    const end = performance.now() + 2
    while (performance.now() < end);
    return n * factor
  }
  const plan = await optimize(
    busy,
    Array.from({ length: 500 }, (_, n) => n),
  )
  expect(plan.mode).toBe('serial')
  expect(plan.warnings.join()).toContain('captures factor')
})
