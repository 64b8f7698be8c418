import { defineConfig } from 'vitest/config'

// Every suite imports the built package, as users do: workers and forked children load the same files.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/{unit,property,stress,gc,integration,waiting,package}/**/*.test.ts'],
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
