// What the playground imports from `amorsize`: the sources of the package, joined by esbuild for a browser. There it runs on WebAssembly.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from '../scripts/support/project.mjs'

const ENTRIES = { amorsize: 'src/index.ts', 'amorsize/testing': 'src/testing/index.ts' }
const JOINED = '\0amorsize'

/** Modules of Node and packages that are imported, and used by nothing of the page: what they export is undefined, but for what timers run in. */
const withoutOthers = {
  name: 'without-others',
  setup(steps) {
    steps.onResolve({ filter: /^[@a-z]/ }, ({ path }) => ({ path, namespace: 'others' }))
    steps.onLoad({ filter: /.*/, namespace: 'others' }, ({ path }) => ({
      contents: path === 'node:async_hooks' ? 'exports.AsyncResource = { bind: (fn) => fn }' : 'module.exports = {}',
    }))
  },
}

/** A browser unpacks nothing at once. */
const unpacked = {
  name: 'unpacked',
  setup(steps) {
    steps.onLoad({ filter: /wasm[\\/]core\.cjs$/ }, ({ path }) => {
      const { bytes, stamp } = createRequire(path)(path)
      const text = Buffer.from(bytes()).toString('base64')
      return {
        contents: `exports.stamp = '${stamp}'; exports.bytes = () => Uint8Array.from(atob('${text}'), (char) => char.charCodeAt(0))`,
      }
    })
  },
}

/** @returns {import('vite').Plugin} both entries as one module, since they share state */
export const productForBrowsers = () => ({
  name: 'amorsize-for-browsers',
  enforce: 'pre',
  resolveId: (id) => (id in ENTRIES ? JOINED : undefined),
  async load(id) {
    if (id !== JOINED) return undefined
    const { outputFiles } = await build({
      stdin: {
        contents: `export { bulkhead, BulkheadRejectedError, circuitBreaker, CircuitOpenError, RateLimiter, RateLimitExceeded } from './${ENTRIES.amorsize}'
          export { FakeClock } from './${ENTRIES['amorsize/testing']}'`,
        resolveDir: root,
      },
      inject: [join(root, 'site', 'browser-node.mjs')],
      plugins: [unpacked, withoutOthers],
      // Addons are looked for beside the package: there are none here, though some may have been built for it.
      loader: { '.node': 'empty' },
      define: { 'import.meta.url': '"file:///amorsize/"' },
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      keepNames: true,
    })
    return outputFiles[0].text
  },
})
