import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.ts'

const require = createRequire(import.meta.url)
const cli = require.resolve('jest/bin/jest')
const folder = join(import.meta.dirname, 'jest')

/** Runs Jest in one process; resolves to its report. */
function jest(flags, files, env = {}) {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [...flags, cli, '--config', join(folder, 'jest.config.json'), '--runInBand', '--json', ...files],
      {
        cwd: folder,
        env: { ...process.env, VITEST: undefined, NODE_ENV: undefined, ...env },
        maxBuffer: 2 ** 26,
        timeout: 100_000,
      },
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

/** What failed in it, a line each. */
const failuresOf = (report) =>
  report.testResults.flatMap(({ message, assertionResults }) =>
    assertionResults.length === 0
      ? [message]
      : assertionResults
          .filter(({ status }) => status === 'failed')
          .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0].split('\n', 3).join(' ')}`),
  )

describe('Jest', () => {
  let server
  let env
  beforeAll(async () => {
    const [kind] = ['redis', 'valkey'].filter(hasServer)
    if (kind === undefined) return
    server = await TestServer.start(kind)
    env = { AMORSIZE_FIELD_REDIS: String(server.port) }
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it.each([
    ['two files of ES modules', ['--experimental-vm-modules'], ['first', 'second']],
    ['a file of CommonJS, which has no import()', [], ['commonjs']],
  ])('runs %s in one process, each with its own copy of the package', async (_, flags, files) => {
    const report = await jest(flags, files, env)
    expect(failuresOf(report)).toEqual([])
    expect(report.numPassedTestSuites).toBe(files.length)
    expect(report.numPassedTests).toBeGreaterThanOrEqual(11 * files.length)
    expect(report.stderr).not.toMatch(/did not exit|unhandled|Cannot log after/i)
  })
})
