import { defineConfig } from 'vitest/config'

// One file at a time: each installs packages and starts many processes.
export default defineConfig({
  root: import.meta.dirname,
  test: { pool: 'forks', include: ['*.test.mjs'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 },
})
