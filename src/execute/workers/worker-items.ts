import { publishState } from './block-states.js'
import type { ItemStarter } from './item-starter.js'
import { isThenable } from '../model/pace.js'
import { wordsIn } from './shared-words.js'
import { type BlockMessage, Cell, type ChunkMessage, State } from './worker-protocol.js'
import type { WorkerReport } from './worker-report.js'

/** Milliseconds of items in one claim, by what they take in this thread, … */
const CLAIM_MS = 0.5
/** … which is not known at first: until its engine has compiled the task, an item takes many times as long as in the thread that shares it. */
const FIRST_CLAIM = 4
/** So many times the items of the last claim come next, as long as they take less. */
const GROWTH = 8

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

/**
 * Claims ranges of a shared block and runs them until there is nothing left: smaller ones towards the end, so that all threads end
 * together. Numbers, booleans, null and undefined come back through shared memory, all else in messages.
 *
 * @returns how many items it has run
 */
export async function runBlock(message: BlockMessage, starter: ItemStarter, { cells, report }: WorkerState): Promise<number> {
  const { run, block } = message
  const { base, lanes } = block
  const { claims, items, values, states } = wordsIn(block.memory)
  const count = items.length
  report.begin(run, message.timeoutMs !== Infinity)
  let ran = 0
  let most = FIRST_CLAIM
  let nowMs = performance.now()
  for (;;) {
    // order: seq_cst, as all below. A stale read only makes the claim larger or smaller than it should be.
    const left = count - Atomics.load(claims, 0)
    if (left <= 0) break
    const size = Math.max(1, Math.min(most, Math.floor(left / (2 * lanes))))
    // order: seq_cst. Pairs with itself in every thread: each index is given out once.
    const from = Atomics.add(claims, 0, size)
    const to = Math.min(count, from + size)
    if (from >= to) break
    Atomics.store(cells, Cell.CLAIM_FROM, from)
    Atomics.store(cells, Cell.CLAIM_TO, to)
    for (let i = from; i < to; i++) {
      // order: seq_cst. Pairs with the main thread's store when the run ends. Compiles to a plain load.
      if (Atomics.load(cells, Cell.CANCELLED) >= run) return ran
      try {
        const item = items[i] as number
        // A small integer is to be one here as well, not a number on the heap: code that was compiled for the one does not fit the other.
        const integer = item | 0
        let result = starter.start(Object.is(integer, item) ? integer : item, base + i)
        if (isThenable(result)) result = await result
        if (typeof result === 'number') {
          values[i] = result
          publishState(states, i, State.NUMBER)
        } else {
          // Before the message is on its way: the main thread overwrites it when the message is there.
          const state = (states[i] = stateOf(result))
          if (state === State.SENT) report.finished(base + i, result)
        }
      } catch (error) {
        states[i] = State.SENT
        report.failed(base + i, error)
      }
    }
    ran += to - from
    const startedMs = nowMs
    nowMs = performance.now()
    most = Math.max(1, Math.min(GROWTH * (to - from), Math.floor((CLAIM_MS * (to - from)) / (nowMs - startedMs))))
    cells[Cell.CURRENT] = -1
    report.flush()
  }
  return ran
}

function stateOf(result: unknown): number {
  switch (result) {
    case undefined:
      return State.UNDEFINED
    case null:
      return State.NULL
    case true:
      return State.TRUE
    case false:
      return State.FALSE
    default:
      return State.SENT
  }
}
