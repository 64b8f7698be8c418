// `amorsize execute --checkpoint`, killed at random with SIGKILL and started again until it is done: the output is that of a loop, and
// no item runs again once it is in the checkpoint. AMORSIZE_SOAK_KILLS (1000) is how often it is killed in all.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

const kills = Number(process.env['AMORSIZE_SOAK_KILLS'] ?? 1000)
const main = fileURLToPath(new URL('../../dist/bundle/cli.cjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'amorsize-kills-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Notes each item that it runs, before it does, in a way that a kill cannot undo. */
const taskModule = `
import { appendFileSync } from 'node:fs'
export function work(n) {
  appendFileSync(process.env.RAN, n + '\\n')
  let x = n + 1
  for (let i = 0; i < 400_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return { n, x, text: 'é'.repeat(n % 50) }
}`

/** Items in whole lines, which alone end with a bracket. */
function finishedIn(log: string): Set<number> {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(1, -1) : []
  return new Set(lines.flatMap((line) => /^\[(\d+),.*\]$/.exec(line)?.[1] ?? []).map(Number))
}

/** Runs the command; kills it after `killAfterMs`. Resolves to its exit code, null for a kill. */
async function runCommand(args: string[], ran: string, killAfterMs: number): Promise<number | null> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, RAN: ran },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  return code
}

it(`ends like an unbroken run, through ${kills} kills`, async () => {
  const modulePath = join(folder, 'task.mjs')
  writeFileSync(modulePath, taskModule)
  process.env['RAN'] = join(folder, 'loop')
  const { work } = (await import(modulePath)) as { work: (n: number) => unknown }

  let killed = 0
  let finishedRuns = 0
  const variants = [['--mode', 'serial'], ['--mode', 'threads', '--workers', '2'], []]
  for (let round = 0; killed < kills; round++) {
    const total = 1500 + Math.floor(Math.random() * 1000)
    const dir = join(folder, `round-${round}`)
    const out = join(folder, 'out.ndjson')
    const ran = join(folder, `ran-${round}`)
    const args = [
      'execute',
      `${modulePath}#work`,
      '--range',
      String(total),
      '--checkpoint',
      dir,
      '--out',
      out,
      ...variants[round % variants.length]!,
    ]
    for (let code: number | null = null; code === null;) {
      const recorded = finishedIn(join(dir, 'checkpoint.log'))
      writeFileSync(ran, '')
      // Also before the first item, and while the log is being read.
      code = await runCommand(args, ran, killed < kills ? 60 + Math.random() * 500 : 60_000)
      const again = readFileSync(ran, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map(Number)
        .filter((n) => recorded.has(n))
      expect(again, 'items that were in the checkpoint and ran again').toEqual([])
      if (code === null) killed++
    }
    finishedRuns++
    const lines = readFileSync(out, 'utf8').split('\n').slice(0, -1)
    expect(lines).toEqual(Array.from({ length: total }, (_, n) => JSON.stringify(work(n))))
    rmSync(dir, { recursive: true })
  }
  console.log(`${killed} kills, ${finishedRuns} runs brought to their end`)
})
