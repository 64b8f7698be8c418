// Runs over BullMQ 5 and 6, on a real Redis and Valkey, whose workers or driver are killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execute, task } from 'amorsize'
import { bullmq } from 'amorsize/bullmq'
import { afterEach, describe, expect, it } from 'vitest'
import { addressOf, jobsOf, numbers, pairs, runningServers, servers, url } from './support/bullmq.mjs'
import { WorkerProcesses } from './support/worker-processes.mjs'

const workersOf = ({ connection: { port }, queue }, library) =>
  new WorkerProcesses({ port, queue, library, tasks: [url.pathname] })

describe.skipIf(servers.length === 0)(
  'when processes of a run over BullMQ die (needs redis-server or valkey-server)',
  () => {
    const running = runningServers()
    let processes
    afterEach(() => processes?.end())

    it.each(pairs)('fails alone the item that kills workers, with %s on %s', async (name, kind) => {
      const address = addressOf(running.get(kind), `deadly-${name}`, name)
      processes = workersOf(address, name)
      await Promise.all([1, 2].map(() => processes.start({ again: true })))
      const outcomes = await execute(task(url, 'deadly'), numbers(40), { on: bullmq(address), onError: 'collect' })
      expect(outcomes[13]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_WORKER_CRASHED', item: 13 } })
      expect(outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)).toEqual(
        numbers(40).filter((n) => n !== 13),
      )
      // A copy of its first chunk, which was slow to come back, may be in hand.
      await expect.poll(() => jobsOf(address)).toEqual({})
    })

    it.each(pairs)('gives each item one result while workers are killed, with %s on %s', async (name, kind) => {
      const address = addressOf(running.get(kind), `killed-${name}`, name)
      processes = workersOf(address, name)
      await Promise.all([1, 2].map(() => processes.start({ again: true })))
      // In the middle of the run, however fast the machine is.
      let killAt = [1, 1600, 2800]
      let kills = 0
      const onProgress = ({ completed, total }) => {
        if (killAt.every((count) => count > completed) || completed === total) return
        killAt = killAt.filter((count) => count > completed)
        const { running: alive } = processes
        alive[kills++ % alive.length]?.kill('SIGKILL')
      }
      const options = { on: bullmq({ ...address, chunkMs: 200 }), onProgress }
      expect(await execute(task(url, 'slow'), numbers(4000), options)).toEqual(numbers(4000))
      expect(kills).toBeGreaterThan(0)
      await expect.poll(() => processes.deaths).toBeGreaterThan(0)
      // What a dead worker had in hand, and a copy of which was faster, is found when its lock has run out.
      await expect.poll(() => jobsOf(address)).toEqual({})
    })

    it.each(pairs)(
      'leaves no job behind that has killed twice when its run is over, with %s on %s',
      async (name, kind) => {
        const address = addressOf(running.get(kind), `over-${name}`, name)
        processes = workersOf(address, name)
        await processes.start({ again: true })
        const abort = new AbortController()
        const run = execute(task(url, 'deadly'), [13], { on: bullmq(address), signal: abort.signal })
        const failed = expect(run).rejects.toBe('enough')
        await expect.poll(() => processes.deaths).toBe(2)
        abort.abort('enough')
        await failed
        // At once where its lock has run out, else by the worker that finds it.
        await expect.poll(() => jobsOf(address)).toEqual({})
      },
    )

    it.each(pairs)('goes on after its driver was killed, with %s on %s', async (name, kind) => {
      const address = addressOf(running.get(kind), `driver-${name}`, name)
      processes = workersOf(address, name)
      await processes.start()
      const dir = mkdtempSync(join(tmpdir(), 'amorsize-checkpoint-'))
      const drive = () =>
        spawn(process.execPath, [join(import.meta.dirname, 'support', 'drive.mjs')], {
          env: { ...process.env, PORT: address.connection.port, QUEUE: address.queue, LIBRARY: name, DIR: dir },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
      const first = drive()
      for await (const line of createInterface({ input: first.stdout })) {
        if (Number(line) < 100) continue
        first.kill('SIGKILL')
        break
      }
      if (first.exitCode === null && first.signalCode === null) await once(first, 'close')
      const second = drive()
      const lines = []
      for await (const line of createInterface({ input: second.stdout })) lines.push(line)
      expect(Number(lines[0])).toBeGreaterThanOrEqual(0)
      expect(JSON.parse(lines.at(-1))).toEqual(numbers(600))
      expect(await jobsOf(address)).toEqual({})
      rmSync(dir, { recursive: true })
    })
  },
)
