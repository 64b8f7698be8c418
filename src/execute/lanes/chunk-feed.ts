import { TaskNotTransferableError } from '../../errors.js'
import { machineNow } from '../../internal/time/clock.js'
import { callHook } from '../hooks.js'
import type { Batch } from '../run/item-source.js'
import { LATE_MS } from '../threads/fair-shares.js'
import { packValues, type Unfit } from '../transfer/values.js'
import type { ChunkMessage, DoneMessage } from '../worker/protocol.js'
import { ChunkInWorker } from './chunk-in-worker.js'
import type { FedWorker, Lost } from './force.js'
import { runCarefully } from './lost-items.js'

/** Sends a worker items in chunks. */
export class ChunkFeed {
  readonly #fed: FedWorker
  /**
   * Chunks that the worker has not answered, oldest first, by how many items it was sent before each; also those of which all was taken back:
   * the worker reports messages that it cannot read in the order in which they came.
   */
  readonly #chunks = new Map<number, ChunkInWorker>()
  /** When the worker ended the last chunk that it has reported. */
  #endedMs = 0
  /** Why the last lost message could not be read. */
  #unread: Error | undefined = undefined

  constructor(fed: FedWorker) {
    this.#fed = fed
  }

  get isEmpty(): boolean {
    return this.#chunks.size === 0
  }

  /** Chunks of which the worker still has items. */
  get size(): number {
    let count = 0
    for (const { batch } of this.#chunks.values()) if (batch.items.length > 0) count++
    return count
  }

  /** Chunks of which the worker has not begun all. */
  get queued(): number {
    const { begun } = this.#fed.worker
    let count = 0
    for (const [chunk, { batch }] of this.#chunks) if (chunk + batch.items.length > begun) count++
    return count
  }

  /** Items that have not settled. */
  get left(): number {
    let count = 0
    for (const { left } of this.#chunks.values()) count += left
    return count
  }

  /** Whether the worker has begun an item of those. */
  get hasBegun(): boolean {
    const { begun } = this.#fed.worker
    for (const [chunk, { batch }] of this.#chunks) if (chunk < begun && batch.items.length > 0) return true
    return false
  }

  get unbegunMs(): number {
    for (const [chunk, { batch, sentMs }] of this.#chunks)
      if (batch.items.length > 0)
        return chunk >= this.#fed.worker.begun ? machineNow() - Math.max(sentMs, this.#endedMs) : 0
    return 0
  }

  /** Items that the worker has not begun. A worker that runs none is about to begin the first of them, unless it has been idle for long. */
  get waiting(): number {
    const { begun } = this.#fed.worker
    let count = 0
    for (const [chunk, { batch, left }] of this.#chunks)
      count += Math.max(0, Math.min(left, chunk + batch.items.length - begun))
    if (count < this.left || this.isLate) return count
    // Items that only workers may run would go to and fro between two that are about to begin.
    for (const { batch } of this.#chunks.values()) if (batch.isCareful) return 0
    return Math.max(0, count - 1)
  }

  /** Whether the worker has been about to begin for a long time. */
  get isLate(): boolean {
    return this.unbegunMs > LATE_MS
  }

  send(batch: Batch): void {
    const { force, worker, runNumber, slots } = this.#fed
    const { task, isExact, run } = force
    const { start, isCareful } = batch
    const unfit: Unfit[] = []
    const { values, buffers } = packValues(Array.from(batch.items), unfit)
    const [first] = unfit
    if (first !== undefined) {
      const message = `item ${start + first.position} holds ${first.reason}`
      this.#sendEach(batch, new TaskNotTransferableError(message, { captured: [] }))
      return
    }
    const chunk = worker.sent
    worker.sent += batch.items.length
    this.#chunks.set(chunk, new ChunkInWorker(batch, machineNow()))
    const message: ChunkMessage = {
      kind: 'chunk',
      run: runNumber,
      chunk,
      task: task.id,
      start,
      items: values,
      buffers,
      isCareful,
      isExact,
      inFlight: Math.min(force.inFlight, slots),
      timeoutMs: run.options.timeoutMs,
    }
    try {
      worker.send(message)
    } catch (error) {
      this.#chunks.delete(chunk)
      this.#sendEach(batch, error)
    }
  }

  /** One of the items cannot be cloned: the others go alone, that one is run in this thread. */
  #sendEach(batch: Batch, error: unknown): void {
    if (batch.items.length === 1) {
      this.#fed.force.single.unsendable(batch, error)
      return
    }
    const { run } = this.#fed.force
    // The first of them may end the run, and the worker be another's by then.
    for (let i = 0; i < batch.items.length && !run.isOver; i++)
      this.send({ ...batch, start: batch.start + i, items: [batch.items[i]] })
  }

  /** The results of all items of a chunk, in order. @returns false where `indices` are anything else */
  settleAll(indices: ArrayLike<number>, values: ArrayLike<unknown>): boolean {
    for (const held of this.#chunks.values()) {
      if (!held.settleAll(indices)) continue
      this.#reportChunk(held)
      this.#fed.force.run.finishAll(held.batch.start, values)
      return true
    }
    return false
  }

  settle(index: number): Lost | undefined {
    for (const held of this.#chunks.values()) {
      if (!held.has(index) || !held.settle(index)) continue
      const { start, items, attempts } = held.batch
      this.#reportChunk(held)
      return { index, item: items[index - start], attempts }
    }
    return undefined
  }

  /** Calls `onChunk` once all items of a chunk have settled. This is before the last item ends the run; the worker reports the end of its chunk later. */
  #reportChunk({ left, batch: { start, items } }: ChunkInWorker): void {
    const { force, worker } = this.#fed
    if (left > 0 || force.run.isOver) return
    callHook(force.run.options.hooks, 'onChunk', { worker: worker.id, start, count: items.length })
  }

  done({ chunk, endedMs }: DoneMessage): void {
    const held = this.#chunks.get(chunk)
    if (held === undefined) return
    this.#endedMs = endedMs
    const isUnsettled = held.left > 0 && !held.batch.isCareful
    // If they could not be read, the worker is about to be replaced.
    if (isUnsettled && this.#unread !== undefined) return
    this.#chunks.delete(chunk)
    // A run that is over settles nothing more.
    if (isUnsettled) return
    this.#failRest(held, 'the result of the item cannot be read in this thread', this.#unread)
  }

  /**
   * Whether items are lost with a message of the worker that could not be read. They run again with a message for each result; an item whose
   * own message it was fails once the worker says that it is done.
   */
  isLost(unread: Error): boolean {
    this.#unread = unread
    for (const { batch, left } of this.#chunks.values()) if (left > 0) return !batch.isCareful
    return false
  }

  /** The worker could not read a chunk. It has read all before it, so it is the oldest. Its items are sent one by one. */
  oldestUnread(cause: unknown): void {
    const [oldest] = this.#chunks
    if (oldest === undefined) return
    const [chunk, held] = oldest
    this.#chunks.delete(chunk)
    if (held.left === 1) this.#failRest(held, 'the item cannot be read in a worker', cause)
    else for (const lost of held.unsettled()) runCarefully([lost], this.#fed.force)
  }

  #failRest(held: ChunkInWorker, message: string, cause: unknown): void {
    const { force } = this.#fed
    for (const lost of held.unsettled()) {
      const { index, item, attempts } = lost
      if (force.isExact) force.unfit(lost, message)
      else force.single.failed(index, item, new Error(message, { cause }), attempts + 1)
    }
  }

  /** Takes back the items that the worker has not begun, for lanes that are yet to be woken. @returns how many */
  takeBack(): number {
    const begun = this.#fed.worker.takeBack()
    const waiting: Batch[] = []
    let count = 0
    for (const [chunk, held] of this.#chunks) {
      const own = Math.max(0, begun - chunk)
      if (own >= held.batch.items.length) continue
      count += held.batch.items.length - own
      waiting.push(held.takeBack(own))
      if (own > 0) this.#reportChunk(held)
    }
    const { force } = this.#fed
    const { supply } = force.run
    // Supply takes the last put first.
    for (const batch of waiting.reverse()) {
      if (batch.isCareful) {
        // Only workers may run these, also where the run had let go of all of them.
        force.recall()
        supply.putCrashed(batch)
      } else {
        supply.leave(batch)
      }
    }
    return count
  }

  /** The item that the worker runs now, if it runs one at a time and reports each: the first that has not settled. */
  get alone(): Lost | undefined {
    const { begun } = this.#fed.worker
    for (const [chunk, held] of this.#chunks)
      if (held.left > 0) return held.batch.isCareful && chunk < begun ? held.unsettled()[0] : undefined
    return undefined
  }

  lost(): Lost[] {
    const lost = [...this.#chunks.values()].flatMap((held) => held.unsettled())
    this.#chunks.clear()
    return lost
  }
}
