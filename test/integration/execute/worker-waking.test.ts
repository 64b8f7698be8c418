import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { placement } from '../../../dist/execute/worker/placement.js'
import { PoolWorker } from '../../../dist/execute/threads/pool-worker.js'
import { Cell } from '../../../dist/execute/worker/protocol.js'
import { nativeAddon } from '../../../dist/internal/native.js'
import { itWithAddon } from '../../support/native.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
/** Where this thread may be moved about at all. */
const itPlaces = process.platform === 'linux' && availableParallelism() > 1 ? itWithAddon : it.skip

let worker: PoolWorker | undefined
afterEach(() => worker?.end())

/** A worker, and what it says. */
async function started(): Promise<{ readonly worker: PoolWorker; readonly answer: () => Promise<void> }> {
  const own = (worker = new PoolWorker(1, undefined))
  let heard = (): void => undefined
  own.owner = {
    received: () => heard(),
    lostMessage: (error) => {
      throw error
    },
    gone: () => undefined,
  }
  await new Promise<void>((resolve) => (heard = resolve))
  return {
    worker: own,
    answer: () =>
      new Promise<void>((resolve) => {
        heard = resolve
        own.send({ kind: 'echo', run: 0, upTo: 0 })
      }),
  }
}

describe('a worker', () => {
  it('that cannot read what comes says so, and goes on', async () => {
    // A program with a larger stack than its workers.
    const source = `import { PoolWorker } from './dist/execute/threads/pool-worker.js'
      let deep = null
      for (let i = 0; i < 35_000; i++) deep = [deep]
      const worker = new PoolWorker(1, undefined)
      const heard = []
      const kinds = new Promise((resolve) => {
        worker.owner = { lostMessage: resolve, gone: resolve, received: ({ kind }) => {
          heard.push(kind)
          if (kind === 'echo') resolve(heard)
          if (kind !== 'ready') return
          worker.send({ kind: 'chunk', run: 1, chunk: 1, task: 1, start: 0, items: [deep], isCareful: false, inFlight: 1, timeoutMs: Infinity })
          worker.send({ kind: 'echo', run: 1, upTo: 1 })
        } }
      })
      console.log(String(await kinds))
      worker.end(undefined)`
    const program = [process.execPath, '--stack-size=15000', '--input-type=module', '-e', source]
    const { stdout } = await run('sh', ['-c', 'ulimit -s 16384 && exec "$0" "$@"', ...program], {
      cwd: root,
      timeout: 20_000,
    })
    expect(stdout).toBe('ready,unreadable,echo\n')
  })

  itPlaces('says where it runs once it is asked to', async () => {
    const { worker, answer } = await started()
    await answer()
    expect(Atomics.load(worker.cells, Cell.THREAD)).toBe(0)
    expect(placement.load()).toBe(true)
    worker.send({ kind: 'place' })
    await answer()
    const thread = Atomics.load(worker.cells, Cell.THREAD)
    expect(existsSync(`/proc/self/task/${thread}`)).toBe(true)
    expect(Atomics.load(worker.cells, Cell.CPU)).toBeGreaterThanOrEqual(0)
  })

  itPlaces('is barred from a CPU only while it is woken up: what it starts as it works inherits that', async () => {
    const { worker, answer } = await started()
    placement.load()
    worker.send({ kind: 'place' })
    await answer()
    const thread = Atomics.load(worker.cells, Cell.THREAD)
    const mayUse = affinityOf(thread)
    let during = ''
    // Read as the message is made ready.
    const message = {
      kind: 'echo' as const,
      run: 0,
      get upTo() {
        during = affinityOf(thread)
        return 0
      },
    }
    Atomics.store(worker.cells, Cell.CPU, nativeAddon()!.cpuNumber!())
    worker.send(message)
    expect(during).toBe(mayUse)
    await answer()
    Atomics.store(worker.cells, Cell.CPU, nativeAddon()!.cpuNumber!())
    worker.rouse(message, true)
    expect(cpusIn(during)).toHaveLength(cpusIn(mayUse).length - 1)
    expect(affinityOf(thread)).toBe(mayUse)
    await answer()
    // Where this thread runs no items its CPU is free, too: of two workers one should have it.
    Atomics.store(worker.cells, Cell.CPU, nativeAddon()!.cpuNumber!())
    worker.rouse(message, false)
    expect(during).toBe(mayUse)
  })

  itPlaces(
    'that slept on the CPU of this thread is woken up on another, and may go where it likes after that',
    async () => {
      const { worker, answer } = await started()
      placement.load()
      worker.send({ kind: 'place' })
      await answer()
      const addon = nativeAddon()!
      const mayUse = affinityOf(Atomics.load(worker.cells, Cell.THREAD))
      let elsewhere = 0
      for (let times = 0; times < 100; times++) {
        // As if it had slept here: whether it really has is the kernel's affair.
        const cpu = addon.cpuNumber!()
        Atomics.store(worker.cells, Cell.CPU, cpu)
        worker.rouse({ kind: 'place' }, true)
        expect(affinityOf(Atomics.load(worker.cells, Cell.THREAD))).toBe(mayUse)
        await answer()
        if (Atomics.load(worker.cells, Cell.CPU) !== cpu) elsewhere++
      }
      // Nearly all; this thread itself may be moved at any time.
      expect(elsewhere).toBeGreaterThan(50)
    },
  )
})

describe('keepAway', () => {
  itPlaces('bars a thread from the CPU of the caller, until letBack', async () => {
    const { worker, answer } = await started()
    placement.load()
    worker.send({ kind: 'place' })
    await answer()
    const thread = Atomics.load(worker.cells, Cell.THREAD)
    const { keepAway, letBack, cpuNumber } = nativeAddon() as Required<NonNullable<ReturnType<typeof nativeAddon>>>
    const before = affinityOf(thread)
    const cpu = cpuNumber()
    expect(keepAway(thread)).toBe(true)
    const barred = affinityOf(thread)
    letBack()
    expect(barred).not.toBe(before)
    expect(cpusIn(before)).toContain(cpu)
    expect(cpusIn(before).filter((one) => !cpusIn(barred).includes(one))).toHaveLength(1)
    expect(affinityOf(thread)).toBe(before)
    letBack()
    expect(affinityOf(thread)).toBe(before)
  })

  itPlaces('touches no thread of another process, and none that is not there', () => {
    const { keepAway, letBack } = nativeAddon() as Required<NonNullable<ReturnType<typeof nativeAddon>>>
    expect([process.ppid, 1, 0, -1, 2 ** 31 - 1].map((thread) => keepAway(thread))).toEqual(Array(5).fill(false))
    letBack()
    expect(() => keepAway('1' as never)).toThrow(TypeError)
    expect(() => keepAway(undefined as never)).toThrow(TypeError)
    for (const thread of [NaN, 0.5, 2 ** 31]) expect(() => keepAway(thread), String(thread)).toThrow(RangeError)
  })
})

function affinityOf(thread: number): string {
  return /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))![1]!
}

function cpusIn(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number) as [number, number?]
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
