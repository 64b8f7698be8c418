import { TaskNotTransferableError, WorkerCrashedError } from '../errors.js'
import { callHook } from '../execute/hooks.js'
import type { Lane, Run, RunCarrier, RunToCarry, StopReason } from '../execute/run/run.js'
import { warnings } from '../internal/events/warnings.js'
import { runError } from '../internal/run-error.js'
import { warnOfRefusal } from '../internal/server-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { ChunkSizes } from './chunk-sizes.js'
import { moduleName, runIdOf } from './names.js'
import { chunkOf, markOf, outcomesOf, packChunks, type Piece, type RunTerms, stragglersOf } from './pieces.js'
import { MOST_WINDOW, type PlaceSettings } from './place-options.js'
import { runHere, settleItems } from './settle.js'
import type { ChunkAnswer, ChunkOutcome, OpenTransport, Transport } from './transport.js'
import { WorkerWatch } from './worker-watch.js'

/** How often workers are counted and stragglers are looked for. */
const TICK_MS = 1000
const PUT_AGAIN_MS = 500

/** Carries out a run by sending chunks to workers elsewhere. Settles each item once, whatever happens to workers, carrier and chunks. */
export class Driver implements RunCarrier, Lane {
  readonly #open: OpenTransport
  readonly #settings: PlaceSettings
  readonly #carried: RunToCarry
  readonly #sizes: ChunkSizes
  /** Pieces under way, by the ids of their chunks. */
  readonly #sent = new Map<string, Piece>()
  readonly #pieces = new Set<Piece>()
  readonly #watch: WorkerWatch
  /** Names of workers in the order of their first answers: hooks get their numbers. */
  readonly #heardOf: string[] = []
  readonly #reported = new Set<string>()
  #run!: Run
  #terms!: RunTerms
  #transport: Transport | undefined = undefined
  #nextTick: unknown = undefined
  #workers = 0
  #isFilling = false
  #stopped: StopReason | undefined = undefined

  constructor(open: OpenTransport, settings: PlaceSettings, carried: RunToCarry) {
    this.#open = open
    this.#settings = settings
    this.#carried = carried
    this.#sizes = new ChunkSizes(settings)
    const fail = (error: Error): void => this.#run.stop('failed', error)
    this.#watch = new WorkerWatch(settings, fail, () => this.#workHere())
  }

  carry(run: Run): void {
    this.#run = run
    run.add(this)
    run.mode = 'threads'
    void this.#start().catch((error: unknown) => run.stop('failed', error))
  }

  stop(reason: StopReason): void {
    this.#stopped = reason
    this.#settings.clock.clearTimeout(this.#nextTick)
  }

  /** The run is over and leaves nothing behind. A transport that is still being opened is closed later; nobody waits for that. */
  async close(): Promise<void> {
    if (this.#transport !== undefined) await this.#leave(this.#transport)
  }

  /** Its errors change no result. */
  async #leave(transport: Transport): Promise<void> {
    try {
      try {
        if (this.#stopped !== 'done') await transport.cancel()
      } finally {
        await transport.close()
      }
    } catch (error) {
      warnings.once(
        'AMORSIZE_RUN_NOT_CLEARED',
        `what was left of a run could not be removed: ${messageOf(error)}`,
        this.#terms.run,
      )
    }
  }

  async #start(): Promise<void> {
    const { task, source, options } = this.#carried
    const { reference } = task
    if (reference === undefined) {
      throw new TaskNotTransferableError(
        "a run elsewhere needs a task by its module, task(import.meta.url, 'name'): code does not travel",
        { captured: [] },
      )
    }
    const name = { ...(await moduleName(reference.url)), export: reference.export }
    const run = runIdOf(name, source, options)
    const limit = options.timeoutMs === Infinity ? {} : { timeoutMs: options.timeoutMs }
    this.#terms = { run, task: name, ...limit, maxBytes: this.#settings.maxChunkBytes }
    const transport = await this.#open({ run })
    if (this.#isOver()) return this.#leave(transport)
    this.#transport = transport
    void this.#listen(transport)
    await this.#tick()
    if (this.#isOver()) return
    this.#tickLater()
    this.#run.inContext(() => this.#fill())
  }

  /** A method, because the run may end at any time. */
  #isOver(): boolean {
    return this.#stopped !== undefined || this.#run.isOver
  }

  get #window(): number {
    return this.#settings.windowChunks ?? Math.min(MOST_WINDOW, 2 * Math.max(1, this.#workers) + 2)
  }

  /** Sends items until the window is full. */
  #fill(): void {
    if (this.#isFilling || this.#isOver() || this.#transport === undefined) return
    this.#isFilling = true
    const { supply } = this.#run
    try {
      while (!this.#isOver() && this.#pieces.size < this.#window) {
        const count = this.#sizes.next(supply.remaining, Math.max(1, this.#workers))
        supply.needRoom(count * this.#window)
        const batch = supply.take(count, () => this.#fill())
        if (batch === undefined) {
          this.#run.endIfDone()
          return
        }
        this.#send(batch.start, Array.from(batch.items))
      }
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#isFilling = false
    }
  }

  /** Sends neighbouring items, in several chunks if they are large. An item that cannot travel fails alone. */
  #send(start: number, items: readonly unknown[], isSuspect = false): void {
    const failed = (index: number, item: unknown, error: Error): void => this.#run.fail(index, item, error, 1)
    for (const piece of packChunks(start, items, this.#settings.maxChunkBytes, isSuspect, failed)) {
      this.#pieces.add(piece)
      void this.#put(piece, '')
    }
  }

  /** @param mark - distinguishes a copy from the first chunk of the piece */
  async #put(piece: Piece, mark: string): Promise<void> {
    const chunk = chunkOf(piece, mark, this.#terms)
    const { id } = chunk
    this.#sent.set(id, piece)
    piece.ids.add(id)
    piece.sentMs = this.#settings.clock.now()
    while (!this.#isOver() && this.#sent.has(id)) {
      try {
        await this.#transport?.put(chunk)
        return
      } catch (error) {
        // The carrier is away: try again until it is back or the caller gives up.
        warnOfRefusal(error, 'a run', this.#reported)
        await new Promise<void>((resolve) => this.#settings.clock.setTimeout(resolve, PUT_AGAIN_MS))
      }
    }
  }

  async #listen(transport: Transport): Promise<void> {
    try {
      for await (const outcome of transport.results()) {
        if (this.#isOver()) return
        const piece = this.#sent.get(outcome.id)
        if (piece !== undefined) this.#run.inContext(() => this.#received(piece, outcome))
      }
    } catch (error) {
      this.#run.stop('failed', error)
    }
  }

  #received(piece: Piece, outcome: ChunkOutcome): void {
    switch (outcome.kind) {
      case 'done': {
        const settled = outcomesOf(piece, outcome.answer, outcome.id, this.#carried.task.exports)
        // An earlier run may have left a chunk with this id and other items, so this one was not stored. That chunk is gone now.
        if (settled === undefined) void this.#put(piece, markOf(outcome.id))
        else this.#settle(piece, outcome.answer, settled)
        break
      }
      case 'stalled':
        this.#divide(piece)
        break
      case 'refused':
        piece.refusals.set(outcome.worker, outcome.reason)
        break
      case 'begun':
        piece.refusals.clear()
        break
      case 'failed':
        this.#run.stop('failed', runError(`a worker could not begin a chunk: ${outcome.reason}`))
        break
      case 'lost':
        void this.#put(piece, markOf(outcome.id))
        break
    }
  }

  #settle(piece: Piece, answer: ChunkAnswer, settled: readonly PromiseSettledResult<unknown>[]): void {
    const { start, items, encoded } = piece
    this.#forget(piece)
    this.#sizes.took(items.length, answer.ms, Math.max(Buffer.byteLength(encoded), Buffer.byteLength(answer.outcomes)))
    settleItems(this.#run, piece, settled)
    const worker = this.#heardOf.indexOf(answer.worker) + 1 || this.#heardOf.push(answer.worker)
    callHook(this.#carried.options.hooks, 'onChunk', { worker, start, count: items.length })
    this.#fill()
  }

  /** Other chunks of the piece are not needed any more. */
  #forget(piece: Piece): void {
    this.#pieces.delete(piece)
    const others = [...piece.ids]
    for (const id of others) this.#sent.delete(id)
    // If the carrier is away, their answers come later and are ignored.
    if (others.length > 1) for (const id of others) void this.#transport?.takeBack(id).catch(() => undefined)
  }

  /** Workers have died from a piece: its halves are sent, until the item that kills them is alone. */
  #divide(piece: Piece): void {
    this.#forget(piece)
    const { start, items } = piece
    if (items.length > 1) {
      const middle = Math.ceil(items.length / 2)
      this.#send(start, items.slice(0, middle), true)
      this.#send(start + middle, items.slice(middle), true)
      return
    }
    const error = new WorkerCrashedError(
      `the worker processes that ran item ${start} died, twice; other items were with it no longer`,
      { item: start, exitCode: -1 },
    )
    this.#run.fail(start, items[0], error, 2)
    this.#fill()
  }

  #tickLater(): void {
    this.#nextTick = this.#settings.clock.setTimeout(() => {
      this.#tickLater()
      void this.#tick()
    }, TICK_MS)
  }

  async #tick(): Promise<void> {
    try {
      this.#workers = await (this.#transport as Transport).workers()
    } catch {
      // The carrier is away, so the number of workers is unknown.
      return
    }
    if (this.#isOver()) return
    this.#run.inContext(() => {
      this.#watch.look(this.#workers, this.#pieces)
      this.#fill()
      this.#lookForStragglers()
    })
  }

  async #workHere(): Promise<void> {
    for (;;) {
      const [piece] = this.#pieces
      if (piece === undefined || !this.#watch.isAlone || this.#isOver()) break
      for (const id of piece.ids) await this.#transport?.takeBack(id).catch(() => false)
      if (!this.#pieces.has(piece)) continue
      this.#forget(piece)
      await runHere(this.#run, piece)
      this.#run.inContext(() => this.#fill())
    }
  }

  /** When there is nothing else to send, pieces that take too long are sent once more; the first answer counts. */
  #lookForStragglers(): void {
    if (!this.#run.supply.ended || this.#pieces.size >= this.#workers) return
    for (const piece of stragglersOf(this.#pieces, this.#sizes, this.#settings.clock.now()))
      void this.#put(piece, '-again')
  }
}
