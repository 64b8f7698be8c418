import { TaskNotTransferableError } from '../../errors.js'
import { machineNow } from '../../internal/clock.js'
import { callHook } from '../hooks.js'
import type { Batch, Unsettled } from '../run/batch.js'
import type { TripMeter } from '../schedule/trip-meter.js'
import { packValues, whyChanged } from '../transfer/values.js'
import type { ChunkMessage, DoneMessage } from '../worker/protocol.js'
import type { Apart } from './apart.js'
import { Chunk } from './chunk.js'
import type { Feed, Stint } from './feed.js'
import type { Shares } from './shares.js'

/** Chunks that a worker is sent ahead, so that it need not wait for the next … */
const AHEAD = 2
/** … and at most, where it has had to, because items of this thread take long. */
const MOST_AHEAD = 16
/** A worker that has less than this part of an item left to do will be through before this thread has run one. */
const NEARLY = 0.75
/** A worker that has had nothing to do for so long was kept waiting, in ms. */
const STARVED_MS = 1

/** Sends a worker chunks of items, a few ahead of what it runs. */
export class ChunkFeed implements Feed {
  /** Why the last message that was lost could not be read. */
  unread: Error | undefined = undefined
  readonly #stint: Stint
  readonly #shares: Shares
  readonly #apart: Apart
  /** Where all that moves between two chunks is their items and results. */
  readonly #meter: TripMeter | undefined
  /** What the worker has been sent and has not finished, oldest first. */
  readonly #chunks = new Map<number, Chunk>()
  #ahead = AHEAD
  /** Since when it has been at the oldest of them. */
  #sinceMs = 0

  constructor(stint: Stint, shares: Shares, apart: Apart, meter: TripMeter | undefined) {
    this.#stint = stint
    this.#shares = shares
    this.#apart = apart
    this.#meter = meter
  }

  get isBusy(): boolean {
    return this.#chunks.size > 0
  }

  /** Whether the worker is to report each result of the oldest chunk before it starts the next item. */
  get isCareful(): boolean {
    const [oldest] = this.#chunks.values()
    return oldest?.batch.isCareful === true
  }

  give(again: () => void): boolean {
    const { supply } = this.#stint.run
    if (!this.#wantsMore()) return false
    const batch = supply.takeCrashed() ?? supply.take(this.#shares.next(), again)
    if (batch === undefined) return false
    this.#send(batch)
    return true
  }

  /** Not more than others would miss: towards the end, what a worker holds is what it will do last. */
  #wantsMore(): boolean {
    const { size } = this.#chunks
    if (size === 0) return true
    const { remaining } = this.#stint.run.supply
    const { lanes } = this.#shares
    if (remaining !== null && remaining <= lanes && lanes > 1) return remaining > 1 && this.#isNearlyThrough()
    if (size < AHEAD) return true
    if (remaining === null) return size < this.#ahead
    const held = this.#held()
    return (size < this.#ahead || this.#shares.isShort(held)) && 4 * held < remaining
  }

  /** Items that the worker has, as far as is known. */
  #held(): number {
    let held = 0
    for (const { left } of this.#chunks.values()) held += left
    return held
  }

  /** Whether this thread, which is about to begin an item of its own, will have no eye for this worker when that has nothing left to do. */
  #isNearlyThrough(): boolean {
    const { itemMs, worksHere } = this.#shares
    return worksHere && this.#held() * itemMs - (machineNow() - this.#sinceMs) < NEARLY * itemMs
  }

  #send(batch: Batch): void {
    const unfit = unfitIn(batch)
    if (unfit !== undefined) {
      this.#sendEach(batch, unfit)
      return
    }
    const { run, worker, number, task, inFlight } = this.#stint
    const chunk = ++worker.lastChunk
    const { start, isCareful } = batch
    const { values, buffers } = packValues(Array.from(batch.items))
    const nowMs = machineNow()
    const isIdle = !this.isBusy
    if (isIdle) this.#sinceMs = nowMs
    this.#chunks.set(chunk, new Chunk(batch, nowMs))
    const message: ChunkMessage = {
      kind: 'chunk',
      run: number,
      chunk,
      task: task.id,
      start,
      items: values,
      buffers,
      isCareful,
      inFlight,
      timeoutMs: run.options.timeoutMs,
    }
    try {
      if (isIdle) worker.rouse(message)
      else worker.send(message)
    } catch (error) {
      this.#chunks.delete(chunk)
      this.#sendEach(batch, error)
    }
  }

  /** One of the items cannot be sent: the others go alone, that one is run in this thread. */
  #sendEach(batch: Batch, error: unknown): void {
    if (batch.items.length === 1) {
      this.#apart.notSent(batch, error)
      return
    }
    for (let i = 0; i < batch.items.length; i++)
      this.#send({ ...batch, start: batch.start + i, items: [batch.items[i]] })
  }

  settle(index: number): Unsettled | undefined {
    for (const chunk of this.#chunks.values()) if (chunk.has(index)) return chunk.settle(index)
    return undefined
  }

  /** All items of a chunk have settled at once. @returns the index of its first; undefined if `indices` are not those of a chunk */
  settleAll(indices: readonly number[]): number | undefined {
    for (const chunk of this.#chunks.values()) if (chunk.settleAll(indices)) return chunk.batch.start
    return undefined
  }

  done({ chunk, count, startedMs, endedMs, results }: DoneMessage): void {
    const held = this.#chunks.get(chunk)
    if (held === undefined) return
    this.#sinceMs = endedMs
    const { sentMs, batch } = held
    if (!batch.isCareful) this.#meter?.done({ sentMs, startedMs, endedMs, count }, batch.items[0], results?.values[0])
    if (this.#chunks.size === 1 && machineNow() - endedMs > STARVED_MS)
      this.#ahead = Math.min(MOST_AHEAD, 2 * this.#ahead)
    const { run, worker } = this.#stint
    callHook(run.options.hooks, 'onChunk', { worker: worker.id, start: batch.start, count })
    this.#close(chunk, held)
  }

  /** All chunks up to `upTo` are done, whatever could not be read. */
  doneUpTo(upTo: number): void {
    for (const [chunk, held] of this.#chunks) if (chunk <= upTo) this.#close(chunk, held)
  }

  /**
   * The worker is through with a chunk. What has not settled by then was in a message that this thread could not read: it is run
   * again with a message for each result, and what cannot be read then has failed.
   */
  #close(chunk: number, held: Chunk): void {
    this.#chunks.delete(chunk)
    if (held.left === 0) return
    if (held.batch.isCareful) this.#failRest(held, 'the result of the item cannot be read in this thread')
    else this.#stint.run.supply.putUnsettled(held.unsettled())
  }

  /** The worker could not read a message. It has read all before it, so it was the oldest chunk: its items go one by one. */
  oldestUnread(): void {
    const [oldest] = this.#chunks
    if (oldest === undefined) return
    const [chunk, held] = oldest
    this.#chunks.delete(chunk)
    if (held.left === 1) this.#failRest(held, 'the item cannot be read in a worker')
    else for (const one of held.unsettled()) this.#stint.run.supply.putUnsettled([one])
  }

  #failRest(held: Chunk, message: string): void {
    for (const { index, item, attempts } of held.unsettled())
      this.#apart.failed(index, item, new Error(message, { cause: this.unread }), attempts + 1)
  }

  /** Items that the worker has been sent and, as far as is known, not begun while it is at others; without any it is about to begin these. */
  get waiting(): number {
    const { lastBegun } = this.#stint.worker
    let count = 0
    let isBusy = false
    for (const [chunk, { left }] of this.#chunks) {
      if (chunk > lastBegun) count += left
      else isBusy = true
    }
    return isBusy ? count : 0
  }

  /** Gives back what the worker has been sent and not begun: others have nothing to do. @returns whether there was anything */
  takeBack(): boolean {
    const begun = this.#stint.worker.takeBack()
    const waiting = [...this.#chunks].filter(([chunk]) => chunk > begun)
    for (const [chunk] of waiting) this.#chunks.delete(chunk)
    const { supply } = this.#stint.run
    // The last put is the first taken.
    for (const [, { batch }] of waiting.reverse()) {
      if (batch.isCareful) supply.putCrashed(batch)
      else supply.putBack(batch)
    }
    return waiting.length > 0
  }

  lost(): Unsettled[] {
    const lost = [...this.#chunks.values()].flatMap((held) => held.unsettled())
    this.#chunks.clear()
    return lost
  }

  over(): void {
    // The worker is waited for until it has ended what it has begun.
  }
}

/** Why a worker would receive one of the items as something else: each is looked at, since they need not be alike. */
function unfitIn({ start, items }: Batch): TaskNotTransferableError | undefined {
  for (let i = 0; i < items.length; i++) {
    const reason = whyChanged(items[i])
    if (reason !== undefined) return new TaskNotTransferableError(`item ${start + i} holds ${reason}`, { captured: [] })
  }
  return undefined
}
