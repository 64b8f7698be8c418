import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const cli = require.resolve('jest/bin/jest')
const folder = join(import.meta.dirname, 'jest')

/** Runs Jest in one process; resolves to its report. */
function jest(...args) {
  const env = { ...process.env, VITEST: undefined, NODE_ENV: undefined }
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [
        '--experimental-vm-modules',
        cli,
        '--config',
        join(folder, 'jest.config.json'),
        '--runInBand',
        '--json',
        ...args,
      ],
      { cwd: folder, env, maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => {
        try {
          resolve({ ...JSON.parse(stdout), stderr })
        } catch (error) {
          reject(new Error(`Jest printed no report:\n${stderr}`, { cause: error }))
        }
      },
    )
  })
}

describe('Jest', () => {
  it('runs two test files in one process, each with its own copy of the package', async () => {
    const report = await jest()
    const failed = report.testResults.flatMap(({ message, assertionResults }) =>
      assertionResults.length === 0
        ? [message]
        : assertionResults
            .filter(({ status }) => status !== 'passed')
            .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0].split('\n', 3).join(' ')}`),
    )
    expect(failed).toEqual([])
    expect(report.numPassedTestSuites).toBe(2)
    expect(report.numPassedTests).toBeGreaterThanOrEqual(20)
    expect(report.stderr).not.toMatch(/did not exit|unhandled|Cannot log after/i)
  })
})
