import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform, release } from 'node:os'

/** The machine a measurement was made on. */
export interface Machine {
  /** Model of the first processor, as the system names it; null if it does not. */
  readonly cpu: string | null
  /** Logical processors this process may use. */
  readonly cores: number
  readonly node: string
  readonly v8: string
  /** System, release and architecture. */
  readonly system: string
  /** The kernel's source of time ('tsc', 'hpet', …); null if it does not say. */
  readonly clockSource: string | null
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const model = cpus()[0]?.model.trim()
  return {
    cpu: model === undefined || model === '' ? null : model,
    cores: availableParallelism(),
    node: process.version,
    v8: process.versions.v8,
    system: `${platform()} ${release()} ${arch()}`,
    clockSource: readClockSource(),
  }
}

/** Returns `machine` in one line, for the head of a report. */
export function machineLine(machine: Machine): string {
  const clock = machine.clockSource === null ? '' : `, clock source ${machine.clockSource}`
  return `${machine.cpu ?? 'unknown processor'}, ${machine.cores} logical processors, ${machine.system}, Node ${machine.node}${clock}`
}

function readClockSource(): string | null {
  try {
    return readFileSync('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'utf8').trim()
  } catch {
    // Only Linux has the file, and a container may hide it.
    return null
  }
}
