import { configDefaults, defineConfig } from 'vitest/config'

/** They compare durations, or start what uses both cores: nothing else runs beside them. */
const alone = ['throttles.test.mjs', 'jest.test.mjs']
/** They take long, or compare durations with a package of others: `npm run test:field` alone runs them. */
const whole = ['*.whole.test.mjs']

const common = {
  pool: 'forks',
  // Tests give warnings of this package on purpose: they are not printed.
  execArgv: ['--disable-warning=AmorsizeWarning'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // The package is linked here, not copied: Node loads it as it would from node_modules, without vitest's rewriting.
  server: { deps: { external: [/\/dist\//] } },
}

/** Most wait rather than compute: two at a time. */
const together = {
  include: ['*.test.mjs'],
  exclude: [...configDefaults.exclude, ...alone, ...whole],
  maxWorkers: 2,
  sequence: { groupOrder: 1 },
}

const oneByOne = (groupOrder, include) => ({ include, fileParallelism: false, sequence: { groupOrder } })

export default defineConfig({
  root: import.meta.dirname,
  test: {
    globalSetup: ['support/remove-names.mjs'],
    projects: [
      { test: { ...common, ...together, name: 'together' } },
      { test: { ...common, ...oneByOne(2, alone), name: 'alone' } },
      { test: { ...common, ...oneByOne(3, whole), name: 'whole' } },
    ],
  },
})
