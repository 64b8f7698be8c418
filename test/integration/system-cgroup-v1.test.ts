import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { SystemInfo } from '../../dist/system/index.js'

const MIB = 2 ** 20
const V1 = '/sys/fs/cgroup'
const probe = fileURLToPath(new URL('support/system-probe.mjs', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/bundle/cli.cjs', import.meta.url))
const name = `amorsize-test-${process.pid}`

/** Groups made by the current test, children after their parents. */
const made: string[] = []

function makeGroup(controller: string, path: string, settings: Record<string, number | string> = {}): string {
  const directory = join(V1, controller, name, path)
  mkdirSync(directory)
  made.push(directory)
  for (const [file, value] of Object.entries(settings)) writeFileSync(join(directory, file), String(value))
  return directory
}

/** Why groups of this controller cannot be made here, or null. */
function missing(controller: string, file: string): string | null {
  if (process.platform !== 'linux') return 'not Linux'
  if (process.env['AMORSIZE_NATIVE'] === '0') return 'without the addon'
  const directory = join(V1, controller, `${name}-try`)
  if (!existsSync(join(V1, controller, 'tasks'))) return `no v1 ${controller} controller at ${V1}`
  try {
    mkdirSync(directory)
  } catch (error) {
    return `no right to make groups (${String((error as NodeJS.ErrnoException).code)})`
  }
  try {
    return existsSync(join(directory, file)) ? null : `groups have no ${file}`
  } finally {
    rmdirSync(directory)
  }
}

const ENTER = 'for group in $GROUPS_TO_ENTER; do echo $$ > "$group/cgroup.procs" || exit 99; done; exec "$@"'

function inGroups(groups: readonly string[], command: readonly string[]) {
  return [
    'sh',
    ['-c', ENTER, 'sh', ...command],
    { env: { ...process.env, GROUPS_TO_ENTER: groups.join(' ') } },
  ] as const
}

function runIn(groups: readonly string[], ...args: string[]) {
  const [shell, shellArgs, options] = inGroups(groups, [process.execPath, ...args])
  return spawnSync(shell, shellArgs, { ...options, encoding: 'utf8' })
}

type Probed = SystemInfo & { node: { constrained: number; available: number } }

function probeIn(groups: readonly string[]): Probed {
  return JSON.parse(runIn(groups, probe).stdout) as Probed
}

const readNumber = (directory: string, file: string) => Number(readFileSync(join(directory, file), 'utf8'))

afterEach(async () => {
  for (const directory of made.splice(0).reverse()) {
    // A killed process leaves its group a moment after its parent hears of it.
    for (let attempt = 0; existsSync(directory); attempt++) {
      try {
        rmdirSync(directory)
      } catch (error) {
        if (attempt === 100) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
})

const noMemory = missing('memory', 'memory.limit_in_bytes')
describe.skipIf(noMemory)(
  `v1 memory groups of this machine${noMemory === null ? '' : ` (skipped: ${noMemory})`}`,
  () => {
    it('agrees with the files of a group of 512 MiB, also on the command line', () => {
      const group = makeGroup('memory', '', { 'memory.limit_in_bytes': 512 * MIB })
      const info = JSON.parse(runIn([group], cli, 'system', '--json').stdout)
      expect(info.memory).toMatchObject({
        limitBytes: readNumber(group, 'memory.limit_in_bytes'),
        effectiveLimitBytes: 512 * MIB,
        controller: 'v1',
      })
      expect(info.sources.limitBytes).toEqual({ file: join(group, 'memory.limit_in_bytes'), level: 0 })
      expect(info.memory.availableBytes).toBeGreaterThan(350 * MIB)
      expect(info.memory.availableBytes).toBeLessThan(512 * MIB)
      const table = runIn([group], cli, 'system').stdout
      expect(table).toContain(`${join(group, 'memory.limit_in_bytes')} (own group)`)
      expect(table).toMatch(/hard limit +512 MiB/)
    })

    it('reports the tighter parent, in which Node believes the leaf', () => {
      const parent = makeGroup('memory', '', { 'memory.limit_in_bytes': 256 * MIB })
      const leaf = makeGroup('memory', 'leaf', { 'memory.limit_in_bytes': 1024 * MIB })
      const { memory, sources, node } = probeIn([leaf])
      expect(memory.limitBytes).toBe(256 * MIB)
      expect(sources.limitBytes).toEqual({ file: join(parent, 'memory.limit_in_bytes'), level: 1 })
      expect(node.constrained).toBe(1024 * MIB)
    })

    it('lets a program use what is available less 5 %, and the kernel kills one that trusts Node', () => {
      makeGroup('memory', '', { 'memory.limit_in_bytes': 256 * MIB })
      const leaf = makeGroup('memory', 'leaf', { 'memory.limit_in_bytes': 1024 * MIB })
      const ours = runIn([leaf], probe, 'allocate', 'ours')
      expect(ours.signal).toBeNull()
      expect(JSON.parse(ours.stdout)).toMatchObject({ survived: true })
      expect(JSON.parse(ours.stdout).wanted).toBeGreaterThan(100 * MIB)
      expect(runIn([leaf], probe, 'allocate', 'node')).toMatchObject({ signal: 'SIGKILL', stdout: '' })
    })

    it('does not take page cache for use', () => {
      const group = makeGroup('memory', '', { 'memory.limit_in_bytes': 256 * MIB })
      const folder = mkdtempSync(join(process.cwd(), '.tmp-page-cache-'))
      try {
        const file = join(folder, 'cache')
        const [shell, args, options] = inGroups(
          [group],
          ['dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=200', 'conv=fsync', 'status=none'],
        )
        execFileSync(shell, args, options)
        const { memory, node } = probeIn([group])
        expect(readNumber(group, 'memory.usage_in_bytes')).toBeGreaterThan(150 * MIB)
        expect(memory.availableBytes).toBeGreaterThan(150 * MIB)
        expect(node.available).toBeLessThan(100 * MIB)
        expect(runIn([group], probe, 'allocate', 'ours')).toMatchObject({ signal: null })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('counts what a greedy sibling uses of the common parent', async () => {
      const parent = makeGroup('memory', '', { 'memory.limit_in_bytes': 400 * MIB })
      const leaf = makeGroup('memory', 'leaf', { 'memory.limit_in_bytes': 300 * MIB })
      const sibling = makeGroup('memory', 'sibling')
      const [shell, args, options] = inGroups([sibling], [process.execPath, probe, 'hold', String(200 * MIB)])
      const greedy = spawn(shell, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
      try {
        await once(greedy.stdout, 'data')
        const { memory, sources, node } = probeIn([leaf])
        expect(memory.limitBytes).toBe(300 * MIB)
        expect(memory.availableBytes).toBeLessThan(200 * MIB)
        expect(sources.availableBytes).toEqual({ file: join(parent, 'memory.limit_in_bytes'), level: 1 })
        expect(node.available).toBeGreaterThan(200 * MIB)
        expect(runIn([leaf], probe, 'allocate', 'ours')).toMatchObject({ signal: null })
      } finally {
        greedy.stdin.end()
        await once(greedy, 'exit')
      }
    })
  },
)

const noCpu = missing('cpu', 'cpu.cfs_quota_us')
describe.skipIf(noCpu)(`v1 cpu groups of this machine${noCpu === null ? '' : ` (skipped: ${noCpu})`}`, () => {
  it('reports the tightest of nested quotas as a ratio', () => {
    const parent = makeGroup('cpu', '', { 'cpu.cfs_period_us': 20_000, 'cpu.cfs_quota_us': 30_000 })
    const leaf = makeGroup('cpu', 'leaf', { 'cpu.cfs_period_us': 100_000, 'cpu.cfs_quota_us': 120_000 })
    expect(probeIn([leaf])).toMatchObject({
      cpu: { quotaCpus: 1.2, parallelismFloor: 1, controller: 'v1' },
      sources: { quotaCpus: { file: join(leaf, 'cpu.cfs_quota_us'), level: 0 } },
    })
    writeFileSync(join(leaf, 'cpu.cfs_quota_us'), '-1')
    writeFileSync(join(parent, 'cpu.cfs_quota_us'), '10000')
    expect(probeIn([leaf])).toMatchObject({
      cpu: { quotaCpus: 0.5, usableCpus: 0.5, parallelism: 1, cpuWorkers: 1 },
      sources: { quotaCpus: { file: join(parent, 'cpu.cfs_quota_us'), level: 1 } },
    })
  })
})

const noCpuset = missing('cpuset', 'cpuset.cpus')
describe.skipIf(noCpuset)(
  `v1 cpuset groups of this machine${noCpuset === null ? '' : ` (skipped: ${noCpuset})`}`,
  () => {
    it('sees the CPUs that are left', () => {
      const group = makeGroup('cpuset', '', { 'cpuset.cpus': 0, 'cpuset.mems': 0 })
      expect(probeIn([group]).cpu).toMatchObject({
        affinityLogical: 1,
        physicalCores: 1,
        cpuWorkers: 1,
        parallelism: 1,
      })
    })
  },
)

const noPids = missing('pids', 'pids.max')
describe.skipIf(noPids)(`v1 pids groups of this machine${noPids === null ? '' : ` (skipped: ${noPids})`}`, () => {
  it('reports the tighter parent and what it has left', () => {
    const parent = makeGroup('pids', '', { 'pids.max': 200 })
    const leaf = makeGroup('pids', 'leaf', { 'pids.max': 300 })
    const { pids, sources } = probeIn([leaf])
    expect(pids.limit).toBe(200)
    expect(pids.available).toBeGreaterThan(150)
    expect(pids.available).toBeLessThan(200)
    expect(sources.pidsLimit).toEqual({ file: join(parent, 'pids.max'), level: 1 })
  })
})

const notHere =
  process.platform !== 'linux' ? 'not Linux' : process.env['AMORSIZE_NATIVE'] === '0' ? 'without the addon' : null
describe.skipIf(notHere)('limits of the process itself', () => {
  const shell = (script: string) =>
    JSON.parse(
      execFileSync('sh', ['-c', `${script} "$0" "$@"`, process.execPath, probe], { encoding: 'utf8' }),
    ) as Probed

  it('follows taskset', () => {
    expect(shell('exec taskset 1').cpu).toMatchObject({ affinityLogical: 1, usableCpus: 1, physicalCores: 1 })
  })

  it('reports ulimit -v and -d apart from the memory that is there', () => {
    const { memory, sources } = shell('ulimit -v 67108864; exec')
    expect(memory.addressSpaceLimitBytes).toBe(64 * 1024 * MIB)
    expect(sources.addressSpaceLimitBytes).toEqual({ file: 'RLIMIT_AS', level: null })
    expect(memory.limitBytes).not.toBe(64 * 1024 * MIB)
    expect(shell('ulimit -d 33554432; exec').memory.addressSpaceLimitBytes).toBe(32 * 1024 * MIB)
  })

  it('reports ulimit -u', () => {
    const { pids } = JSON.parse(
      execFileSync('bash', ['-c', `ulimit -u 4000; exec "$0" "$@"`, process.execPath, probe], { encoding: 'utf8' }),
    )
    expect(pids.limit).toBe(4000)
    expect(pids.available).toBeLessThan(4000)
  })
})
