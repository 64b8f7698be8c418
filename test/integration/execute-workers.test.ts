import { threadId } from 'node:worker_threads'
import { execute, task } from 'amorsize'
import { describe, expect, it } from 'vitest'

describe('the workers of a run', () => {
  it('are free again by the time its results are there, so that the next run has them', async () => {
    const workers = new Set<number>()
    const options = { mode: 'threads', workers: 1 } as const
    await execute((n: number) => n, [1, 2, 3], { ...options, mainThread: false })
    const hooks = { onWorkerStart: ({ worker }: { worker: number }) => void workers.add(worker) }
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    for (let run = 0; run < 40; run++) {
      const results = await execute((n: number) => n * 3, numbers, { ...options, hooks })
      expect(results).toEqual(numbers.map((n) => n * 3))
    }
    expect(workers.size).toBe(1)
  })

  it('are sent no item ahead that another thread could begin', async () => {
    const gate = task<object>(new URL('../fixtures/tasks/gate.mjs', import.meta.url), 'passes')
    const options = { mode: 'threads', workers: 1, chunkSize: 1 } as const
    const items = (count: number, wanted: number): object[] => {
      const counted = new Int32Array(new SharedArrayBuffer(4))
      return Array.from({ length: count }, () => ({ home: threadId, counted, wanted }))
    }
    // The worker starts, and has its first chunk by the next run at once.
    await execute(gate, items(20, 0), { ...options, mainThread: false })
    // The worker holds the first item until this thread has run both others.
    expect(await execute(gate, items(3, 2), options)).toEqual(['there', 'here', 'here'])
  })
})
