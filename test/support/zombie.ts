import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** A process that has ended, and for whose end nobody waits. */
export interface Zombie {
  readonly pid: number
  /** When it started, in the kernel's words. */
  readonly started: string
  /** Has it go. */
  bury(): void
}

export async function makeZombie(): Promise<Zombie> {
  // Its parent becomes a program that waits for nobody, and only then may it end.
  const command = '(read line <&3) & echo $!; exec sleep 60'
  const parent = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
  const [output] = (await once(parent.stdout!, 'data')) as [Buffer]
  const pid = Number(output)
  const statOf = (): string[] => {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  }
  while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n') await new Promise(setImmediate)
  ;(parent.stdio[3] as Writable).end()
  while (statOf()[0] !== 'Z') await new Promise(setImmediate)
  return { pid, started: statOf()[19]!, bury: () => void parent.kill('SIGKILL') }
}
