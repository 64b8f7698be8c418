import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Vitest leaves one core to itself, of two as well, though most tests wait rather than compute. */
const cores = availableParallelism()
const maxWorkers = Math.max(Math.min(cores, 2), cores - 1)

// Every suite imports the built package, as users do: workers and forked children load the same files.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers,
    include: ['test/{unit,property,stress,gc,integration,waiting,docs,package,site}/**/*.test.ts'],
    // Tests give warnings of this package on purpose, and look at them: they are not printed.
    execArgv: ['--expose-gc', '--disable-warning=AmorsizeWarning'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
