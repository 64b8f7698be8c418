// Boots Debian's cloud kernel under software emulation, in several shapes of processors, and compares what the addon says inside
// with the kernel's own files. Needs apt, dpkg-deb and qemu-system-x86_64; without them everything is skipped, with the reason.
import { spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { makeImage } from './vm/image.mjs'

const BOOT_TIMEOUT_MS = 240_000

const shapes = [
  {
    name: 'two sockets with SMT and NUMA',
    smp: '8,sockets=2,cores=2,threads=2',
    numa: [
      '-object',
      'memory-backend-ram,id=m0,size=512M',
      '-object',
      'memory-backend-ram,id=m1,size=512M',
      '-numa',
      'node,nodeid=0,cpus=0-3,memdev=m0',
      '-numa',
      'node,nodeid=1,cpus=4-7,memdev=m1',
    ],
    cpu: {
      onlineLogical: 8,
      affinityLogical: 8,
      physicalCores: 4,
      physicalCoresOnline: 4,
      smtWidth: 2,
      packages: 2,
      numaNodes: 2,
      cpuWorkers: 4,
    },
  },
  {
    name: 'two dies in one socket',
    smp: '8,sockets=1,dies=2,cores=2,threads=2',
    cpu: {
      onlineLogical: 8,
      affinityLogical: 8,
      physicalCores: 4,
      physicalCoresOnline: 4,
      smtWidth: 2,
      packages: 1,
      numaNodes: 1,
      cpuWorkers: 4,
    },
  },
  {
    name: 'a thread and a whole core offline',
    smp: '6,sockets=1,cores=3,threads=2',
    offline: [1, 4, 5],
    cpu: {
      onlineLogical: 3,
      affinityLogical: 3,
      physicalCores: 2,
      physicalCoresOnline: 2,
      smtWidth: 2,
      packages: 1,
      numaNodes: 1,
      cpuWorkers: 2,
    },
  },
  {
    name: 'cores without SMT',
    append: 'psi=0',
    smp: '3,sockets=1,cores=3,threads=1',
    cpu: {
      onlineLogical: 3,
      affinityLogical: 3,
      physicalCores: 3,
      physicalCoresOnline: 3,
      smtWidth: 1,
      packages: 1,
      numaNodes: 1,
      cpuWorkers: 3,
      kinds: [{ cores: 3, cpus: 3 }],
    },
  },
]

/** Boots one shape and returns what the guest printed. */
function boot(shape, image) {
  const { name, cpu, offline } = shape
  const handed = Buffer.from(JSON.stringify({ name, cpu, offline })).toString('base64')
  const child = spawn(
    'qemu-system-x86_64',
    [
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'qemu64,+topoext',
      '-m',
      '1024',
      '-smp',
      shape.smp,
      ...(shape.numa ?? []),
      '-kernel',
      image.kernel,
      '-initrd',
      image.initramfs,
      '-append',
      `console=ttyS0 quiet panic=-1 ${shape.append ?? ''} amorsize=${handed}`,
      '-nographic',
      '-no-reboot',
      '-net',
      'none',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), BOOT_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
}

function prepare() {
  if (process.arch !== 'x64' || process.platform !== 'linux')
    return { reason: `the guest is built from this Node, and ${process.platform}-${process.arch} is not linux-x64` }
  if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0)
    return { reason: 'qemu-system-x86_64 is not installed' }
  try {
    return { image: makeImage() }
  } catch (error) {
    return { reason: `the guest cannot be built: ${error.message}` }
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 }
const { image, reason } = prepare()
if (image === undefined) {
  counts.skipped = shapes.length
  console.log(`skipped: ${reason}`)
} else {
  try {
    for (const shape of shapes) {
      const started = Date.now()
      const text = await boot(shape, image)
      const lines = text.split(/\r?\n/)
      const failures = lines.filter((line) => line.includes('AMORSIZE FAILED'))
      const passed = lines.filter((line) => line.includes('AMORSIZE ok')).length
      const done = lines.some((line) => line.includes('AMORSIZE done'))
      counts.passed += passed
      counts.failed += failures.length + (done ? 0 : 1)
      console.log(`${shape.name}: ${passed} checks in ${Math.round((Date.now() - started) / 1000)} s`)
      for (const failure of failures) console.log(`  ${failure}`)
      if (!done) console.log(`  the guest did not finish; its last lines:\n${lines.slice(-25).join('\n')}`)
    }
  } finally {
    rmSync(image.folder, { recursive: true, force: true })
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
