// Runs inside the guest. The shape it should find is on the kernel's command line; every other expectation is what was just
// written to the kernel's own files. Prints one line a check.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { systemInfo } from './dist/system/index.js'

const MIB = 2 ** 20
const GROUPS = '/sys/fs/cgroup'
const commandLine = readFileSync('/proc/cmdline', 'utf8')
const shape = JSON.parse(Buffer.from(/amorsize=([\w=+/-]+)/.exec(commandLine)[1], 'base64').toString())

/** Compares the listed keys of `actual` with `expected`. */
function check(name, actual, expected) {
  for (const [key, value] of Object.entries(expected)) {
    const passed = isDeepStrictEqual(actual[key], value)
    const detail = passed ? '' : `: expected ${JSON.stringify(value)}, got ${JSON.stringify(actual[key])}`
    console.log(`AMORSIZE ${passed ? 'ok' : 'FAILED'} ${shape.name}: ${name}, ${key}${detail}`)
  }
}

const number = (path) => Number(readFileSync(path, 'utf8'))
const stat = (path, key) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(readFileSync(path, 'utf8'))[1])
const workingSet = (group) =>
  Math.max(0, number(`${group}/memory.current`) - stat(`${group}/memory.stat`, 'inactive_file'))

function makeGroup(path, settings) {
  mkdirSync(`${GROUPS}${path}`, { recursive: true })
  for (const [file, value] of Object.entries(settings)) writeFileSync(`${GROUPS}${path}/${file}`, String(value))
}

const enter = (path) => writeFileSync(`${GROUPS}${path}/cgroup.procs`, String(process.pid))

/** Runs in the group and is gone; what it wrote to tmpfs stays charged to the group. */
function charge(path, bytes) {
  const script = `echo $$ > ${GROUPS}${path}/cgroup.procs && head -c ${bytes} /dev/zero > /tmp/charged`
  const { status } = spawnSync('/bin/busybox', ['sh', '-c', script])
  if (status !== 0) throw new Error(`cannot charge ${path}`)
}

function checkShape() {
  for (const cpu of shape.offline ?? []) writeFileSync(`/sys/devices/system/cpu/cpu${cpu}/online`, '0')
  const { cpu, memory } = systemInfo()
  check('shape', cpu, shape.cpu)
  check('root group', cpu, { controller: 'v2', ancestorsVisible: true, quotaCpus: null })
  const total = Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024
  check('root group', memory, { controller: 'v2', limitBytes: null, totalBytes: total, effectiveLimitBytes: total })
}

function checkNestedLimits() {
  writeFileSync(`${GROUPS}/cgroup.subtree_control`, '+cpu +memory +pids')
  makeGroup('/pod', {
    'memory.max': 256 * MIB,
    'cpu.max': '150000 100000',
    'pids.max': 100,
    'cgroup.subtree_control': '+cpu +memory +pids',
  })
  makeGroup('/pod/leaf', {
    'memory.max': 400 * MIB,
    'memory.high': 300 * MIB,
    'cpu.max': '800000 1000000',
    'pids.max': 64,
  })
  makeGroup('/pod/sibling', {})
  charge('/pod/sibling', 64 * MIB)
  enter('/pod/leaf')
  const { cpu, memory, pids, sources } = systemInfo()
  check('nested limits', cpu, {
    quotaCpus: 0.8,
    usableCpus: 0.8,
    parallelism: 1,
    ancestorsVisible: true,
    controller: 'v2',
  })
  check('nested limits', memory, { limitBytes: 256 * MIB, highBytes: 300 * MIB, effectiveLimitBytes: 256 * MIB })
  check('nested limits', sources, {
    limitBytes: { file: `${GROUPS}/pod/memory.max`, level: 1 },
    quotaCpus: { file: `${GROUPS}/pod/leaf/cpu.max`, level: 0 },
  })
  check('nested limits', pids, { limit: 64 })
  // The kernel's counters move between two reads; a sibling's 64 MiB left out would be far outside of this.
  const expected = 256 * MIB - workingSet(`${GROUPS}/pod`)
  check('a sibling counts', { near: Math.abs(memory.availableBytes - expected) < 8 * MIB }, { near: true })

  writeFileSync(`${GROUPS}/pod/leaf/cpu.max`, 'max 100000')
  writeFileSync(`${GROUPS}/pod/memory.max`, String(320 * MIB))
  const resized = systemInfo()
  check('resized in place', resized.cpu, {
    quotaCpus: 1.5,
    parallelism: Math.min(2, shape.cpu.affinityLogical),
    parallelismFloor: 1,
  })
  check('resized in place', resized.memory, { limitBytes: 320 * MIB })
}

function checkPressure() {
  const hasPressure = !commandLine.includes('psi=0')
  const { memory, cpu } = systemInfo()
  check(
    'pressure',
    { known: memory.pressure !== null && memory.groupPressure !== null && cpu.pressure !== null },
    { known: hasPressure },
  )
}

/** In a cgroup namespace of its own the mount's root lies above: mountinfo shows it as /../.. */
function checkNamespace() {
  if (process.argv[2] === 'in-namespace') {
    const { cpu, memory } = systemInfo()
    check(
      'cgroup namespace',
      { root: / \/\.\.\/\.\. \/sys\/fs\/cgroup /.test(readFileSync('/proc/self/mountinfo', 'utf8')) },
      { root: true },
    )
    check('cgroup namespace', cpu, { quotaCpus: 0.7 })
    check('cgroup namespace', memory, { limitBytes: 200 * MIB })
    return
  }
  writeFileSync(`${GROUPS}/pod/leaf/cpu.max`, '70000 100000')
  writeFileSync(`${GROUPS}/pod/leaf/memory.max`, String(200 * MIB))
  const { stdout } = spawnSync('/bin/unshare', ['-C', process.execPath, process.argv[1], 'in-namespace'], {
    encoding: 'utf8',
  })
  process.stdout.write(stdout)
}

function checkAffinity() {
  const { stdout } = spawnSync(
    '/bin/busybox',
    [
      'taskset',
      '1',
      process.execPath,
      '-e',
      `
    import('/amorsize/dist/system/index.js').then(({ systemInfo }) => console.log(JSON.stringify(systemInfo().cpu)))`,
    ],
    { encoding: 'utf8' },
  )
  check('taskset', JSON.parse(stdout), {
    affinityLogical: 1,
    physicalCores: 1,
    cpuWorkers: 1,
    numaNodes: shape.cpu.numaNodes === null ? null : 1,
  })
}

if (process.argv[2] === 'in-namespace') checkNamespace()
else {
  checkShape()
  checkNestedLimits()
  checkPressure()
  checkNamespace()
  checkAffinity()
  console.log('AMORSIZE done')
}
