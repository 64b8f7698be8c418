import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cases, type DecideCase } from '../../../bench/decide/cases.mjs'
import type { BenchReport } from '../../../dist/cli/bench/run.js'
import { amorsize } from '../support/command-line.js'

const ourPackages = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
const short = ['--rounds', '1', '--duration', '5']
const installed = ['limiter', 'p-throttle']
let project: string

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'amorsize-bench-'))
  mkdirSync(join(project, 'node_modules'))
  for (const name of installed) symlinkSync(join(ourPackages, name), join(project, 'node_modules', name), 'junction')
})
afterAll(() => {
  rmSync(project, { recursive: true, force: true })
})

describe('amorsize bench', () => {
  it('measures this package and the limiters of the project it runs in, and says which are missing', async () => {
    const { code, stdout, stderr } = await amorsize(['bench', '--json', ...short], project)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report = JSON.parse(stdout) as BenchReport & { method: string }

    const rivals = report.cases.filter(({ role }) => role === 'rival').map(({ id }) => id)
    expect(rivals).toEqual(['limiter/allowed', 'limiter/denied', 'limiter/await', 'p-throttle/await'])
    const others = new Set(cases.flatMap(({ package: name }: DecideCase) => name ?? []))
    for (const name of installed) expect(others.delete(name)).toBe(true)
    expect([...report.notInstalled].sort()).toEqual([...others].sort())
    expect(report.notInstalled).toContain('async-sema')
    for (const path of ['allowed', 'denied', 'await', 'await-denied']) {
      expect(report.cases.some((entry) => entry.role === 'ours' && entry.path === path)).toBe(true)
    }
    for (const entry of report.cases) {
      expect(Number.isFinite(entry.nsPerCall.median)).toBe(true)
      expect(entry.nsPerCall.samples).toBe(1)
      expect(entry.heapBytesPerCall).toBeGreaterThanOrEqual(0)
      if (entry.role !== 'floor') expect(entry.version).toMatch(/^\d+\.\d+\.\d+/)
    }
    expect(report.failed).toEqual([])
    expect(report.machine.node).toBe(process.version)
    expect(report.method).toContain('How this was measured')
  })

  it('lets threads share one limit with --threads, and counts every token exactly', async () => {
    const { code, stdout } = await amorsize(['bench', '--json', '--threads', '2', ...short], project)
    expect(code).toBe(0)
    const { threads } = JSON.parse(stdout) as BenchReport
    expect(threads.map(({ mode, threads: count }) => `${mode} ${count}`)).toEqual([
      'bucket 1',
      'bucket 2',
      'message 2',
      'drain 2',
    ])
    expect(threads.every(({ decisionsPerSecond }) => decisionsPerSecond.median > 0)).toBe(true)
    expect(threads.at(-1)?.exact).toEqual({ admitted: [1_000_000], available: 1_000_000 })
  })

  it('prints tables without colours or a progress bar where there is no terminal', async () => {
    const { code, stdout, stderr } = await amorsize(['bench', ...short], project)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/limiter TokenBucket \(4\.\d+\.\d+\) +bucket\.tryRemoveTokens\(1\)/)
    expect(stdout).toMatch(/p-throttle \(8\.\d+\.\d+\) +await throttled\(\)/)
    expect(stdout).toContain('Not installed here, so not measured: async-sema')
    expect(stdout).toContain('How this was measured')
    expect(stdout).not.toContain('\u001b')
  })

  it('measures the others, names the culprit and exits 1 when a limiter of the project is broken', async () => {
    const broken = join(project, 'node_modules', 'async-sema')
    mkdirSync(broken)
    writeFileSync(
      join(broken, 'package.json'),
      JSON.stringify({ name: 'async-sema', version: '0.0.1', exports: './index.mjs', type: 'module' }),
    )
    writeFileSync(join(broken, 'index.mjs'), 'export const RateLimit = () => () => Promise.reject(new Error("broken"))')
    try {
      const { code, stdout } = await amorsize(['bench', '--json', ...short], project)
      const report = JSON.parse(stdout) as BenchReport
      expect(code).toBe(1)
      expect(report.failed).toHaveLength(1)
      expect(report.failed[0]).toMatchObject({ id: 'async-sema/await' })
      expect(report.failed[0]?.error).toMatch(/0 of \d+ calls were allowed; expected all/)
      expect(report.cases.some(({ id }) => id === 'p-throttle/await')).toBe(true)
    } finally {
      rmSync(broken, { recursive: true })
    }
  })
})
