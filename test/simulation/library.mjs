// The package as one function, which each simulated thread calls for a copy of its own. All it asks of its surroundings are parameters.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { rollup } from 'rollup'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

/** What programs use, and of the inside what a thread is told by when another has ended. */
const modules = [
  ...['rate-limit/rate-limiter', 'rate-limit/keyed/keyed-rate-limiter', 'rate-limit/keyed/keyed-window'],
  ...[
    'policy/bulkhead/bulkhead',
    'policy/circuit-breaker/circuit-breaker',
    'policy/retry/budget',
    'policy/retry/retry',
  ],
  ...['policy/portable', 'memory/shared/region'],
].map((name) => join(dist, `${name}.js`))

/** The code that looks for files is left out: a thread of a simulation gets its module of WebAssembly from the machine. */
const native = 'export const nativeAddon = () => null, wasmBytes = () => null'

/** What a thread does with promises and timers, in its own realm: what `then` is given runs from the queue of whoever made it. */
const driver = `
function watch(promise, done, failed) { promise.then((value) => done(value), (error) => failed(error)) }
function work(ms, fails) { return new Promise((done, failed) => setTimeout(() => (fails ? failed(new Error('the task fails')) : done(1)), ms)) }
function fail() { throw new Error('the task fails at once') }`

const given = [
  ...[
    'process',
    'performance',
    'globalThis',
    'WebAssembly',
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
  ],
  ...[
    'setImmediate',
    'queueMicrotask',
    'AbortController',
    'AbortSignal',
    'TextEncoder',
    'TextDecoder',
    'FinalizationRegistry',
    'WeakRef',
  ],
].join(', ')
/** Taken once from the realm of the thread: as globals of a context each look-up is slow. */
const intrinsics = [
  ...['Array', 'ArrayBuffer', 'Atomics', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Error', 'Float64Array', 'Math'],
  ...[
    'Int32Array',
    'Map',
    'Number',
    'Object',
    'Promise',
    'RangeError',
    'Reflect',
    'Set',
    'SharedArrayBuffer',
    'String',
    'Symbol',
  ],
  ...['TypeError', 'Uint16Array', 'Uint8Array', 'WeakMap', 'WeakSet'],
].join(', ')

/**
 * @param {{ file: string, from: string, to: string }[]} [faults] - texts of dist/ to be replaced
 * @returns {Promise<Script>} evaluates to a function that makes a copy
 */
export async function loadLibrary(faults = []) {
  const bundle = await rollup({
    input: 'entry',
    external: (id) => id.startsWith('node:'),
    onLog: () => undefined,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? id : null),
        load: (id) => {
          if (id === 'entry') return modules.map((path) => `export * from '${path}'`).join('\n')
          return id === join(dist, 'internal', 'native.js') ? native : null
        },
        transform: (code, id) =>
          faults.reduce((text, fault) => (id.endsWith(fault.file) ? replaced(text, fault) : text), code),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'library', exports: 'named' })
  await bundle.close()
  return new Script(
    `(function (host, realm) { 'use strict'; const { ${given} } = host; const { ${intrinsics} } = realm
${output[0].code}${driver}
return { ...library, watch, work, fail } })`,
    { filename: 'library.js' },
  )
}

/** The core with the word of the simulation, as it is committed. */
export const { bytes: simulatedCore, sources: sourcesOfCore } = createRequire(import.meta.url)('./core.cjs')

/** @throws {Error} when the text has changed: a fault that is not planted is not found */
export function replaced(text, { file, from, to }) {
  if (text.split(from).length !== 2) throw new Error(`${file} has not once: ${from}`)
  return text.replace(from, () => to)
}
