import { defineConfig } from 'vitest/config'
import base from './vitest.config.js'

// One file at a time: each uses the whole machine for minutes.
const soak = {
  include: ['test/soak/**/*.test.ts', 'test/gc/**/*.test.ts'],
  // The tests of garbage make four times as many calls, each of which may leave so much less.
  env: { AMORSIZE_SOAK: '1' },
  fileParallelism: false,
  testTimeout: 1_800_000,
  hookTimeout: 120_000,
}

export default defineConfig({ ...base, test: { ...base.test, ...soak } })
