import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile, compilers, type Compiler } from '../../support/compile.js'
import type * as Methods from '../../types/standard/methods.js'
import type * as Public from '../../types/both/public.js'
import type * as Wrappers from '../../types/standard/wrappers.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Compiles what test/types has for a form and for both; the output lies as deep as the source, so its imports still hold. */
function compileForm(ts: Compiler, form: 'standard' | 'legacy', outDir: string): string[] {
  rmSync(outDir, { recursive: true, force: true })
  mkdirSync(outDir, { recursive: true })
  const types = join(root, 'test/types')
  const files = [form, 'both'].flatMap((folder) =>
    readdirSync(join(types, folder))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(types, folder, name)),
  )
  return compile(ts, files, { experimentalDecorators: form === 'legacy', rootDir: types, outDir })
}

const cases = compilers.flatMap(([version, ts]) =>
  (['standard', 'legacy'] as const).map((form) => ({ version, ts, form })),
)

describe.each(cases)('TypeScript $version, $form decorators', ({ version, ts, form }) => {
  const outDir = join(root, 'build', `types-${version}-${form}`)
  let faults: string[]
  let methods: typeof Methods

  beforeAll(async () => {
    faults = compileForm(ts, form, outDir)
    methods = (await import(pathToFileURL(join(outDir, form, 'methods.js')).href)) as typeof Methods
  })

  it('accepts every right use and refuses every wrong one', () => {
    expect(faults).toEqual([])
  })

  it('guards instance methods, with `this`, parameters and defaults kept', async () => {
    const client = new methods.Client('/base')
    expect(await client.get('/a')).toBe('/base/a:2')
    expect(await client.bare('/b')).toBe('/base/b')
    expect(await client.empty()).toBe(1)
    expect(await client.mayBeSync(4)).toBe(4)
    await expect(client.fails()).rejects.toThrow(RangeError)
    await methods.useTypes()
  })

  it('keeps name and length of a method and gives it its policy', () => {
    const { get, sharing, bare } = methods.Client.prototype as unknown as Record<string, GuardedMethod>
    expect([get!.name, get!.length, get!.policy.label]).toEqual(['get', 1, 'options'])
    expect(bare!.policy.label).toBe('default')
    expect(sharing!.policy).toBe(methods.shared)
    expect((methods.Client.create as unknown as GuardedMethod).policy).toBe(methods.shared)
  })

  it('lets methods and statics share a policy', async () => {
    const before = methods.shared.calls
    const client = await methods.Client.create('x')
    await client.sharing()
    await new methods.Client('y').sharing()
    expect(methods.shared.calls).toBe(before + 3)
  })

  it('applies decorators in the order written, the first one outermost', async () => {
    methods.order.length = 0
    const client = new methods.Client('')
    await client.twice()
    expect(methods.order).toEqual(['outer', 'inner', 'method'])
  })

  it('guards methods whose name is a symbol', async () => {
    methods.order.length = 0
    await new methods.Client('')[Symbol.asyncDispose]()
    expect(methods.order).toEqual(['disposed'])
  })

  it('refuses, when the class is defined, what is no method', () => {
    expect(methods.refused).toThrow(/^@withRecorder can decorate only methods, not the getter value$/)
  })

  it('runs the guards of the public entry point', async () => {
    const { Service, load, spare, shared } = (await import(
      pathToFileURL(join(outDir, 'both', 'public.js')).href
    )) as typeof Public
    expect(await new Service().bareRetry()).toBe(1)
    expect(await new Service().bareTimeout()).toBe(1)
    expect(await new Service().bareFallback()).toBeUndefined()
    expect(await new Service().flaky(3)).toBe(4)
    await expect(new Service().flaky(9)).rejects.toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', attempts: 4 })
    await expect(new Service().slow()).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 1 })
    expect(await new Service().list()).toEqual(['RangeError: no list'])
    expect(await new Service().shared()).toBe(2)
    expect(shared.stats().retries).toBe(1)
    expect(await new Service().any()).toEqual([])
    expect(await load(7)).toBe('user 7')
    expect([await spare(true), await spare(false)]).toEqual(['spare', 'real'])
  })

  it.runIf(form === 'standard')(
    'gives wrapped functions the types they have when they run (needs standard decorators)',
    async () => {
      const wrappers = (await import(pathToFileURL(join(outDir, form, 'wrappers.js')).href)) as typeof Wrappers
      expect(await wrappers.asynchronous(1, 'a')).toBe('1a')
      expect(await wrappers.synchronous(4)).toBe(8)
      expect(await wrappers.bound.call({ base: 1 }, 2)).toBe(3)
      expect(await wrappers.generic({ a: 1 })).toEqual({ a: 1 })
      expect(await Promise.all(wrappers.results)).toEqual([1, 2])
      await expect(wrappers.thrower()).rejects.toThrow('always')
      expect(wrappers.refused).toThrow(TypeError)
    },
  )
})

interface GuardedMethod {
  name: string
  length: number
  policy: { label: string }
}
