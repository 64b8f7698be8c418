import { configDefaults, defineConfig } from 'vitest/config'

/** They compare durations, or start what uses both cores: nothing else runs beside them. */
const alone = ['throttles.test.mjs', 'jest.test.mjs']
/** They wait for servers, locks and dead processes, and compute little. */
const waiting = ['bullmq-*.test.mjs']
/** They take long, or compare durations with a package of others: `npm run test:field` alone runs them. */
const whole = ['*.whole.test.mjs']
/** Processes that share names, which takes the addon. */
const betweenProcesses = process.env.AMORSIZE_NATIVE === '0' ? ['updated-cluster.test.mjs'] : []

const common = {
  pool: 'forks',
  // Tests give warnings of this package on purpose: they are not printed.
  execArgv: ['--disable-warning=AmorsizeWarning'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // By default a second: what a test waits for takes longer where the machine has other work.
  expect: { poll: { timeout: 20_000 } },
  // The package is linked here, not copied: Node loads it as it would from node_modules, without vitest's rewriting.
  server: { deps: { external: [/\/dist\//] } },
}

const beside = (groupOrder, maxWorkers, include) => ({ include, maxWorkers, sequence: { groupOrder } })

/** Most wait rather than compute, too: two at a time. */
const together = {
  ...beside(1, 2, ['*.test.mjs']),
  exclude: [...configDefaults.exclude, ...alone, ...waiting, ...whole, ...betweenProcesses],
}

const oneByOne = (groupOrder, include) => ({ include, fileParallelism: false, sequence: { groupOrder } })

export default defineConfig({
  root: import.meta.dirname,
  test: {
    globalSetup: ['support/remove-names.mjs'],
    projects: [
      { test: { ...common, ...beside(0, 6, waiting), name: 'waiting' } },
      { test: { ...common, ...together, name: 'together' } },
      { test: { ...common, ...oneByOne(2, alone), name: 'alone' } },
      { test: { ...common, ...oneByOne(3, whole), name: 'whole' } },
    ],
  },
})
