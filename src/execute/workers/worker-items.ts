import type { ItemStarter } from './item-starter.js'
import { isThenable } from '../model/pace.js'
import { type BlockMessage, Cell, type ChunkMessage } from './worker-protocol.js'
import type { WorkerReport } from './worker-report.js'

/** Where a worker says what it is at. */
export interface WorkerState {
  readonly cells: Int32Array
  readonly report: WorkerReport
}

/** How many items of a message may be under way at once. */
export function inFlightOf(message: ChunkMessage | BlockMessage): number {
  return message.kind === 'block' || message.isCareful ? 1 : message.inFlight
}

/** Runs the items of a chunk, `inFlight` of them at once where they are promises. Stops early when its run is over. */
export async function runChunk(message: ChunkMessage, starter: ItemStarter, { cells, report }: WorkerState): Promise<void> {
  const { run, items, start } = message
  report.begin(run, message.isCareful || message.timeoutMs !== Infinity)
  const inFlight = inFlightOf(message)
  const pending = new Set<Promise<void>>()
  for (let i = 0; i < items.length && Atomics.load(cells, Cell.CANCELLED) < run; i++) {
    const index = start + i
    let result
    try {
      result = starter.start(items[i], index)
    } catch (error) {
      report.failed(index, error)
      continue
    }
    if (!isThenable(result)) {
      report.finished(index, result)
      continue
    }
    const settled = reportLater(report, index, result)
    pending.add(settled)
    void settled.then(() => pending.delete(settled))
    while (pending.size >= inFlight) await Promise.race(pending)
  }
  await Promise.all(pending)
  cells[Cell.CURRENT] = -1
}

async function reportLater(report: WorkerReport, index: number, result: PromiseLike<unknown>): Promise<void> {
  try {
    report.finished(index, await result)
  } catch (error) {
    report.failed(index, error)
  }
}
