import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect } from 'vitest'
import { type Decision, mostOverRate } from '../support/fullest-window.js'
import { machineName } from '../support/machine.js'

const RATE = 400
/** More than a busy machine's loops are late by, so that what is lost is the fault of those who wait. */
const BURST = 40
/** How far the clock of a line and the kernel's may be apart, and what is lost in doubles. */
const CLOCKS_MS = 0.1
const CALLERS = 40
/** Of the rate, beside tests that take the processors. */
const LEAST_SHARE = 0.7

const program = new URL('waiting-member.mjs', import.meta.url)

/**
 * Processes and threads whose callers wait for one limit of the machine, and what happens to them: stopped and continued, killed, terminated, blocked. In every
 * window the decisions keep to the bound, and those who are left are served.
 *
 * @param rounds - how often something happens
 */
export async function wreakHavoc(rounds: number): Promise<void> {
  const policy = { name: machineName(), scope: 'machine', requestsPerSecond: RATE, burstSize: BURST } as const
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-havoc-'))
  const task = { policy, file: join(folder, 'notes'), callers: CALLERS, originNs: String(process.hrtime.bigint()) }
  const startProcess = async (): Promise<ChildProcess> => {
    const child = fork(program, [JSON.stringify(task)], { execArgv: [] })
    await once(child, 'message')
    return child
  }
  const startThread = async (): Promise<Worker> => {
    const worker = new Worker(program, { workerData: task, execArgv: [] })
    await once(worker, 'message')
    return worker
  }
  const notes = (): Decision[] => {
    const bytes = readFileSync(task.file)
    const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    return Array.from({ length: numbers.length / 3 }, (_, i) => {
      const [tokens, from, to] = numbers.subarray(3 * i, 3 * i + 3)
      return { tokens: tokens!, from: from!, to: to! }
    })
  }
  const nowMs = (): number => Number(process.hrtime.bigint() - BigInt(task.originNs)) / 1e6

  const random = (most: number): number => Math.random() * most
  const [stopped, blocked] = await Promise.all([startProcess(), startProcess()])
  let killed = await startProcess()
  let terminated = await startThread()
  const harms = [
    async () => {
      stopped.kill('SIGSTOP')
      await sleep(random(150))
      stopped.kill('SIGCONT')
    },
    async () => {
      killed.kill('SIGKILL')
      await once(killed, 'exit')
      killed = await startProcess()
    },
    async () => {
      await terminated.terminate()
      terminated = await startThread()
    },
    async () => {
      blocked.send(random(150))
      await sleep(50)
    },
  ]
  try {
    const startMs = nowMs()
    for (let round = 0; round < rounds; round++) {
      await harms[round % harms.length]!()
      await sleep(random(30))
    }
    const endMs = nowMs()
    const decisions = notes()
    expect(mostOverRate(decisions, RATE / 1000)).toBeLessThanOrEqual(BURST + (CLOCKS_MS * RATE) / 1000)
    const served = decisions
      .filter(({ from, to }) => from >= startMs && to <= endMs)
      .reduce((sum, { tokens }) => sum + tokens, 0)
    // Nobody who has died or stands still is waited for. A machine with more to do than it can takes its share.
    expect(served / ((RATE * (endMs - startMs)) / 1000)).toBeGreaterThan(LEAST_SHARE)
  } finally {
    for (const child of [stopped, killed, blocked]) child.kill('SIGKILL')
    await terminated.terminate()
    rmSync(folder, { recursive: true })
  }
}
