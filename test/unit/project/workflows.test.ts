// What GitHub would say only once a workflow runs: names of scripts, parts, files and jobs, and that no action can change under its name.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readYaml } from '../../support/yaml.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, '.github', 'workflows')
const files = readdirSync(folder)

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Job {
  readonly needs?: string
  readonly uses?: string
  readonly steps?: readonly Step[]
  readonly strategy?: { readonly matrix: { readonly os: readonly string[] } }
  readonly 'runs-on'?: string
  readonly 'timeout-minutes'?: string
}
interface Workflow {
  readonly on: Record<string, unknown>
  readonly permissions: unknown
  readonly jobs: Record<string, Job>
}

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
const read = (file: string): Workflow => readYaml(readFileSync(join(folder, file), 'utf8')) as unknown as Workflow
const jobsOf = (file: string): [string, Job][] => Object.entries(read(file).jobs)
const stepsOf = (job: Job): readonly Step[] => job.steps ?? []
const commandsOf = (file: string): string[] =>
  jobsOf(file).flatMap(([, job]) => stepsOf(job).flatMap(({ run }) => (run === undefined ? [] : [run])))

/** The names of parts that a script of the project takes, as it says itself. */
function partsOf(script: string): string[] {
  const { stderr } = spawnSync(process.execPath, [join(root, 'scripts', script), 'no-such-part'], { encoding: 'utf8' })
  const names = /no part is named no-such-part; there are (.*)/.exec(stderr)?.[1]
  if (names === undefined) throw new Error(`${script} names no parts:\n${stderr}`)
  return names.split(', ')
}

describe.each(files)('.github/workflows/%s', (file) => {
  it('takes every action by its hash, with the version beside it', () => {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    const uses = lines.filter((line) => /\buses:/.test(line))
    expect(uses).not.toEqual([])
    for (const line of uses)
      if (!/uses: \.\/\.github\/workflows\/\S+$/.test(line))
        expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it('may read and no more, unless a job says why', () => {
    expect(read(file).permissions).toEqual({ contents: 'read' })
  })

  it('gives every job a time to end in', () => {
    for (const [name, job] of jobsOf(file))
      if (job.uses === undefined) expect(Number(job['timeout-minutes']), name).toBeGreaterThan(0)
  })

  it('names jobs and files that are there', () => {
    const jobs = jobsOf(file)
    for (const [, { needs, uses }] of jobs) {
      if (needs !== undefined) expect(jobs.map(([name]) => name)).toContain(needs)
      if (uses !== undefined) expect(existsSync(join(root, uses)), uses).toBe(true)
    }
    for (const command of commandsOf(file))
      for (const [, script = ''] of command.matchAll(/node (scripts\/\S+)/g))
        expect(existsSync(join(root, script)), script).toBe(true)
  })

  it('runs scripts that package.json has', () => {
    for (const command of commandsOf(file))
      for (const [, name] of command.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name)
  })

  it.runIf(process.platform === 'linux' && process.arch === 'x64')('names parts that those scripts have', () => {
    for (const [pattern, script] of [
      [/npm test -- (.*)/, 'test.mjs'],
      [/npm run platforms -- (.*)/, 'platforms.mjs'],
    ] as const) {
      const wanted = commandsOf(file).flatMap((command) => pattern.exec(command)?.[1] ?? [])
      // In an expression of GitHub's, what follows && in quotes is the name.
      const names = wanted.flatMap((text) => text.replace(/\$\{\{.*?&& '(\w+)'.*?\}\}/g, '$1').split(' '))
      const parts = names.length === 0 ? [] : partsOf(script)
      for (const name of names) expect(parts).toContain(name)
    }
  })
})

describe('all workflows together', () => {
  const ci = read('ci.yml').jobs
  const systemsOf = (job: string): string => [...(ci[job]?.strategy?.matrix.os ?? [])].sort().join(' ')
  const ran = (file: string, job: string): string =>
    stepsOf(read(file).jobs[job] ?? {})
      .map(({ run = '' }) => run)
      .join('\n')

  it('build and test on each system by itself', () => {
    expect(systemsOf('test')).toBe('macos-latest ubuntu-24.04-arm ubuntu-latest windows-latest')
    expect(ran('ci.yml', 'test')).toContain('npm test -- build')
    expect(ran('ci.yml', 'alpine')).toContain('npm test -- build vitest')
  })

  it('compare what was built there with the prebuilt addon, and run every suite on that', () => {
    expect(systemsOf('prebuilt')).toBe(
      'macos-15-intel macos-latest ubuntu-22.04 ubuntu-24.04-arm windows-11-arm windows-latest',
    )
    for (const job of ['prebuilt', 'prebuilt-alpine'])
      expect(ran('ci.yml', job)).toMatch(
        /npm test -- build\nnode scripts\/compare-addons\.mjs --use\nnpm test -- vitest/,
      )
  })

  it('publish what CI has built, with its provenance', () => {
    const { jobs } = read('publish.yml')
    expect(jobs['ci']?.uses).toBe('./.github/workflows/ci.yml')
    expect(jobs['publish']?.needs).toBe('ci')
    expect(ran('publish.yml', 'publish')).toContain('npm publish --provenance')
  })

  it('soak, in virtual machines too, mutate and try every platform each night', () => {
    expect(read('nightly.yml').on).toHaveProperty('schedule')
    expect(ran('nightly.yml', 'soak')).toMatch(/qemu-system-x86[^]*npm run test:soak/)
    expect(existsSync(join(root, 'scripts', 'soak', 'vm.mjs'))).toBe(true)
    expect(ran('nightly.yml', 'mutation')).toContain('npm run mutation')
    expect(ran('nightly.yml', 'platforms')).toMatch(/npm run prebuild -- --all\nnpm run platforms$/)
  })
})
