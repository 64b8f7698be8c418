import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const program = fileURLToPath(new URL('./execute-kills-program.mjs', import.meta.url))
/** Workers that wait for work do not keep a process alive, nor does anything of a run that has ended. */
const LONGEST_END_MS = 5000

/** The ways in which work goes to workers and results come back. */
export const forms = [
  'numbers',
  'mixed',
  'objects',
  'typed arrays',
  'waiting',
  'waiting under policies',
  'ordered stream',
  'unordered stream',
  'checkpoint',
] as const

/** What the workers have died of, and how many runs it took. */
export interface Deaths {
  readonly runs: number
  readonly exit: number
  readonly memory: number
  readonly terminate: number
}

/** Runs in one form until `kills` workers have died: each item settles once, with the result of the loop, and the process ends by itself. */
export async function expectAllThroughKills(form: (typeof forms)[number], kills: number): Promise<Deaths> {
  const child = spawn(process.execPath, [program, form, String(kills)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let toldMs = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    toldMs = performance.now()
  })
  // A run that hangs is to fail, not to stay.
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000 + 1000 * kills)
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(timer)
  expect([code, signal]).toEqual([0, null])
  expect(performance.now() - toldMs).toBeLessThan(LONGEST_END_MS)
  const deaths = JSON.parse(output) as Deaths
  expect(deaths.exit + deaths.memory + deaths.terminate).toBeGreaterThanOrEqual(kills)
  return deaths
}
