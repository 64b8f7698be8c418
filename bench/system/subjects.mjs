// Who is asked, and what each answers. An answer that a subject does not give is left out.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import systeminformation from 'systeminformation'
import { systemInfo } from '../../dist/system/index.js'

const require = createRequire(import.meta.url)

/** `null`: no limit. Node reports 0 or a number beyond all memory for that. */
const limitOrNull = (bytes) => (bytes > 0 && bytes < 2 ** 62 ? bytes : null)

function askLscpu() {
  const text = execFileSync('lscpu', ['--parse=CORE,SOCKET'], { encoding: 'utf8' })
  return { physicalCores: new Set(text.split('\n').filter((line) => /^\d/.test(line))).size }
}

/** The module counts when it is loaded. */
function askPhysicalCpuCount() {
  const path = require.resolve('physical-cpu-count')
  Reflect.deleteProperty(require.cache, path)
  return { physicalCores: require(path) }
}

async function askSysteminformation() {
  const [cpu, memory] = await Promise.all([systeminformation.cpu(), systeminformation.mem()])
  return { physicalCores: cpu.physicalCores, availableBytes: memory.available }
}

/** `times`: how often a process asks to time the answer; processes are costly to start. */
export const subjects = [
  {
    id: 'amorsize',
    call: 'systemInfo()',
    times: 500,
    ask() {
      const { cpu, memory } = systemInfo()
      return {
        limitBytes: memory.limitBytes,
        availableBytes: memory.availableBytes,
        parallelism: cpu.parallelism,
        physicalCores: cpu.physicalCoresOnline,
      }
    },
  },
  {
    id: 'Node',
    call: 'process.constrainedMemory(), process.availableMemory(), os.availableParallelism()',
    times: 500,
    ask: () => ({
      limitBytes: limitOrNull(process.constrainedMemory()),
      availableBytes: process.availableMemory(),
      parallelism: availableParallelism(),
    }),
  },
  { id: 'systeminformation', call: 'cpu(), mem()', times: 10, ask: askSysteminformation },
  { id: 'physical-cpu-count', call: "require('physical-cpu-count')", times: 20, ask: askPhysicalCpuCount },
  { id: 'lscpu', call: "execFileSync('lscpu')", times: 20, ask: askLscpu },
]
