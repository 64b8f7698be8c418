import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import stamp from '../../../native/binding/stamp.cjs'
import { sourcesOfWasm } from '../../../scripts/support/wasm.mjs'

const file = createRequire(import.meta.url)('../../../native/wasm/core.cjs') as {
  readonly sources: string
  readonly stamp: string
  bytes(): Uint8Array
}

describe('native/wasm/core.cjs', () => {
  it('is made of the present sources; if not: npm run prebuild -- wasm', () => {
    expect([file.sources, file.stamp]).toEqual([sourcesOfWasm(), stamp])
  })

  it('asks for nothing that the package does not give it', () => {
    const { Module } = (globalThis as unknown as { WebAssembly: { Module: WasmModule } }).WebAssembly
    const asked = Module.imports(new Module(file.bytes())).filter(({ module }) => module !== 'napi')
    expect(asked.map(({ module, name }) => `${module}.${name}`).sort()).toEqual([
      'env.memory',
      ...['allocate', 'format', 'free', 'isAlive', 'nowMs', 'numberAt', 'threadId'].map((name) => `host.${name}`),
    ])
  })
})

interface WasmModule {
  new (bytes: Uint8Array): object
  imports(module: object): { module: string; name: string }[]
}
