import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = new URL('../../', import.meta.url)
const chosen = process.env.MUTATION_TESTS?.split(',')
const areChosenIn = (folder) => chosen?.some((path) => path.startsWith(folder)) ?? true
/** Properties take seconds, on a busy machine tens. */
const testTimeout = areChosenIn('test/property/') ? 60_000 : areChosenIn('test/waiting/') ? 20_000 : 5000

// The suites that judge a mutant: fast, without processes and workers of their own where possible. What they import as `amorsize` is the
// compiled module here, which is mutated, not the bundle.
export default defineConfig({
  root: fileURLToPath(root),
  resolve: {
    alias: [
      { find: /^amorsize$/, replacement: fileURLToPath(new URL('dist/index.js', root)) },
      { find: /^amorsize\/(system|testing)$/, replacement: fileURLToPath(new URL('dist/$1/index.js', root)) },
    ],
  },
  // Declarations, pages, benchmarks and the command line are not what is mutated.
  test: {
    include: chosen ?? ['test/{unit,property}/**/*.test.ts'],
    exclude: ['test/unit/{project,cli}/**', 'test/unit/decorators/decorator-types.test.ts'],
    // Three times as fast; what warns once per process or changes the process for good cannot be among the chosen.
    isolate: chosen === undefined,
    // A promise that stays pending is the usual fault: a test that gives up costs less than a runner that is stopped.
    testTimeout,
    hookTimeout: 60_000,
    setupFiles: ['scripts/mutation/no-shrinking.mjs'],
  },
})
