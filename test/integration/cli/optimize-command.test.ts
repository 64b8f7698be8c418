import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../unit/support/recorded-run.js'
import { amorsize } from '../support/command-line.js'

const folder = temporaryFolder()
writeFileSync(
  join(folder, 'tasks.mjs'),
  `let ran = 0
export const spin = (n) => { ran++; let x = n; for (let i = 0; i < 1e5; i++) x = (Math.imul(x, 31) + i) | 0; return x }
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const fail = () => { throw new RangeError('never') }
process.on('exit', () => process.stderr.write('ran ' + ran + '\\n'))
`,
)
writeFileSync(join(folder, 'waits.ndjson'), '5\n'.repeat(200))
const optimize = (...args: string[]) => amorsize(['optimize', ...args], folder)

describe('amorsize optimize', () => {
  it('reports the plan and runs no more than the sample', async () => {
    const { code, stdout, stderr } = await optimize('./tasks.mjs#spin', '--range', '100000')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Plan: /)
    expect(stdout).toMatch(/items +100000/)
    expect(stdout).toMatch(/Considered \(estimated by the cost model[^]*the loop in this thread/)
    expect(stderr).toBe('ran 5\n')
  })

  it('prints the same as JSON, for items of a file', async () => {
    const { code, stdout } = await optimize('./tasks.mjs#wait', '--items', 'waits.ndjson', '--json')
    expect(code).toBe(0)
    const plan = JSON.parse(stdout) as { mode: string; profile: { totalItems: number; considered: object[] } }
    expect(plan).toMatchObject({ mode: 'async', profile: { totalItems: 200 } })
    expect(plan.profile.considered.length).toBeGreaterThan(1)
  })

  it('saves what it estimates, and calls one worker one', async () => {
    const args = ['--range', '1e4', '--workers', '1', '--save', 'estimates.json']
    expect(await optimize('./tasks.mjs#spin', ...args)).toMatchObject({ code: 0 })
    const saved = readFileSync(join(folder, 'estimates.json'), 'utf8')
    expect(saved).toContain('"the loop, estimated"')
    expect(saved).toMatch(/"1 worker, chunks of \d+, estimated"/)
  })

  it('says so when the function fails', async () => {
    const { code, stdout } = await optimize('./tasks.mjs#fail', '--range', '10')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Warning: 5 of the 5 items of the sample failed/)
  })

  it('says where a module cannot be parsed', async () => {
    writeFileSync(join(folder, 'broken.mjs'), '\nexport const f = = 1\n')
    const { code, stderr } = await optimize('./broken.mjs#f', '--range', '10')
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/SyntaxError: .*broken\.mjs:2\)/) })
  })
})

describe('amorsize validate', () => {
  it('compares predictions with trials', async () => {
    const { code, stdout } = await amorsize(['validate', '--rounds', '1', '--only', '0.1 ms × 100', '--json'])
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as {
      medianError: number
      workloads: { trials: { measuredMs: number; estimatedMs: number }[] }[]
    }
    expect(report.workloads).toHaveLength(1)
    for (const { measuredMs, estimatedMs } of report.workloads[0]!.trials) {
      expect(measuredMs).toBeGreaterThan(0)
      expect(estimatedMs).toBeGreaterThan(0)
    }
  })

  it('prints a table, and names the workloads when none is meant', async () => {
    const { code, stdout } = await amorsize(['validate', '--rounds', '1', '--only', 'waiting'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/workload +loop, ms +plan +predicted +measured +error +regret\nwaiting, 5 ms × 200 /)
    expect(await amorsize(['validate', '--only', 'nothing'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there are 'number, 1 µs × 20,000'") as string,
    })
  })
})
