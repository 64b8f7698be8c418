import { afterEach, describe, expect, it } from 'vitest'
import { PoolWorker } from '../../../dist/execute/threads/pool-worker.js'
import { beginChunk, UnderWay } from '../../../dist/execute/worker/chunks.js'
import type { ItemStarter } from '../../../dist/execute/worker/item-starter.js'
import { Cell, type ChunkMessage } from '../../../dist/execute/worker/protocol.js'
import type { WorkerReport } from '../../../dist/execute/worker/report.js'

let worker: PoolWorker | undefined
afterEach(() => worker?.end())

const nothing = (): undefined => undefined
const report = { begin: nothing, turn: nothing, finished: nothing, failed: nothing } as unknown as WorkerReport

describe('what is taken back from a worker', () => {
  // The cell counts modulo 2^32.
  it.each([0, 2 ** 31 - 4, 2 ** 32 - 4, 5 * 2 ** 32 - 4])(
    'is run by one thread, also when it was sent %i items before',
    async (before) => {
      const own = (worker = new PoolWorker(1, undefined))
      own.sent = before
      Atomics.store(own.cells, Cell.BEGUN, before | 0)
      const sent = (count: number, run: number): ChunkMessage => {
        const items = Array.from({ length: count }, (_, i) => i)
        const fixed = { task: 1, start: 0, buffers: undefined, isCareful: false, isExact: false, timeoutMs: Infinity }
        const chunk = own.sent
        own.sent += count
        return { kind: 'chunk', run, chunk, items, inFlight: 1, ...fixed }
      }
      const begun: number[] = []
      /** Runs a chunk as a worker does; what waits is taken back while it is at item `at`. */
      const counted = async (message: ChunkMessage, at?: number): Promise<number> => {
        const start = (_: unknown, index: number): void => {
          if (index === at) begun.push(own.takeBack() - before)
        }
        const underWay = new UnderWay()
        await beginChunk(message, { start } as unknown as ItemStarter, own.cells, report, underWay)
        return underWay.ended
      }
      const chunks = [sent(5, 2), sent(3, 2)] as const
      expect(await counted(chunks[0], 2)).toBe(3)
      const again = sent(4, 2)
      expect(await counted(chunks[1])).toBe(0)
      expect(await counted(again, 1)).toBe(2)
      expect(begun).toEqual([3, 10])
      // Of a run that was over before its items had begun none counts, and those of the next do.
      const cancelled = sent(6, 2)
      own.cancel(2)
      expect(await counted(cancelled)).toBe(0)
      const next = sent(4, 3)
      expect(own.begun - before).toBe(12)
      expect(await counted(next, 0)).toBe(1)
      expect(begun.at(-1)).toBe(19)
    },
  )
})
