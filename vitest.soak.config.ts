import { defineConfig } from 'vitest/config'
import base from './vitest.config.js'

// One file at a time: each uses the whole machine for minutes.
const soak = {
  include: ['test/soak/**/*.test.ts'],
  fileParallelism: false,
  testTimeout: 1_800_000,
  hookTimeout: 120_000,
}

export default defineConfig({ ...base, test: { ...base.test, ...soak } })
