import { readFileSync, readlinkSync } from 'node:fs'
import { attempt } from './attempt.js'

/** The kernel's id of this boot; undefined if there is no /proc. */
export function bootId(): string | undefined {
  return attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
}

/** The kernel's id of the PID namespace of this process; undefined if there is no /proc. */
export function pidNamespace(): string | undefined {
  return attempt(() => readlinkSync('/proc/self/ns/pid'))
}

/** Start time of process `pid` in the kernel's units; 'unknown' if the kernel does not say; null if it has ended, even as a zombie. */
export function startOf(pid: number): string | null {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null
  }
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field, the program's name in parentheses, may hold anything; the state is the third, the start time the 22nd.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? 'unknown')
}
