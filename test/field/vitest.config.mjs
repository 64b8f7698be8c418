import { defineConfig } from 'vitest/config'

// One file at a time: some compare durations, and several start processes of their own.
export default defineConfig({
  root: import.meta.dirname,
  test: {
    pool: 'forks',
    // Tests give warnings of this package on purpose: they are not printed.
    execArgv: ['--disable-warning=AmorsizeWarning'],
    include: ['*.test.mjs'],
    fileParallelism: false,
    globalSetup: ['support/remove-names.mjs'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The package is linked here, not copied: Node loads it as it would from node_modules, without vitest's rewriting.
    server: { deps: { external: [/\/dist\//] } },
  },
})
