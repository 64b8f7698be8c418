// A run over BullMQ whose workers, driver and Redis are killed at random with SIGKILL: each item has exactly one result, in order.
// AMORSIZE_SOAK_KILLS (200) is how often something is killed in all.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.js'

const kills = Number(process.env['AMORSIZE_SOAK_KILLS'] ?? 200)
const ITEMS = 10_000
const WORKERS = 3
const main = fileURLToPath(new URL('../../dist/bundle/cli.cjs', import.meta.url))
const driver = fileURLToPath(new URL('../fixtures/queue-driver.mjs', import.meta.url))
const tasks = fileURLToPath(new URL('../fixtures/tasks/elsewhere.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'amorsize-queue-kills-'))
const children = new Set<ChildProcess>()
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  children.add(child)
  child.once('close', () => children.delete(child))
  return child
}

it.skipIf(!hasServer('redis'))(`gives each item one result, through ${kills} kills (needs redis-server)`, async () => {
  await using server = await TestServer.start('redis', ['--appendonly', 'yes', '--appendfsync', 'always'])
  const url = `redis://127.0.0.1:${server.port}`
  let isOver = false
  const workers: ChildProcess[] = []
  const startWorker = (i: number): void => {
    const worker = start([
      main,
      'worker',
      tasks,
      '--queue',
      'soak',
      '--redis',
      url,
      '--threads',
      '1',
      '--stall-ms',
      '1000',
    ])
    workers[i] = worker
    worker.once('close', () => {
      if (!isOver) startWorker(i)
    })
  }
  for (let i = 0; i < WORKERS; i++) startWorker(i)

  let killed = 0
  for (let round = 0; killed < kills; round++) {
    const dir = join(folder, `run-${round}`)
    for (;;) {
      const run = start([driver, url, dir, String(ITEMS)])
      let text = ''
      run.stdout?.on('data', (data: Buffer) => (text += data.toString()))
      const ended = once(run, 'close') as Promise<[number | null]>
      const isRunning = (): boolean => run.exitCode === null && run.signalCode === null
      while (isRunning() && killed < kills) {
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1500))])
        if (!isRunning()) break
        killed++
        const which = Math.random()
        if (which < 0.7) workers[Math.floor(Math.random() * WORKERS)]?.kill('SIGKILL')
        else if (which < 0.9) run.kill('SIGKILL')
        else {
          await server.kill()
          await server.restart()
        }
      }
      // Killed, or it could not begin while the server was away: it is started again.
      const [code] = await ended
      if (code !== 0) continue
      const outcomes = JSON.parse(text) as unknown[]
      expect(outcomes).toEqual(Array.from({ length: ITEMS }, (_, i) => i + 1))
      break
    }
  }
  isOver = true
  for (const worker of workers) worker.kill('SIGKILL')
  expect(killed).toBeGreaterThanOrEqual(kills)
})
