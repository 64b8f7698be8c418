import { builtins } from '../../internal/builtins.js'
import { KIND, kindWord, SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'
import { SemaphoreCore } from './core.js'
import {
  type Admission,
  boundOf,
  cellsOf,
  type LimitsChange,
  type Semaphore,
  type SemaphoreLimits,
  type SemaphoreShape,
} from './semaphore.js'
import { formOfWord } from './words.js'

interface Row {
  readonly core: SemaphoreCore
  readonly owner: number
}

/** Rows that this thread has claimed: buried when their semaphore is collected, or the thread ends. */
class ClaimedRows {
  readonly #rows = new Set<Row>()
  readonly #collected = new FinalizationRegistry<Row>((row) => this.#bury(row))

  add(semaphore: TwinSemaphore, row: Row): void {
    if (this.#rows.size === 0) process.on('exit', this.#buryAll)
    this.#rows.add(row)
    this.#collected.register(semaphore, row)
  }

  #bury(row: Row): void {
    row.core.bury(row.owner)
    this.#rows.delete(row)
    if (this.#rows.size === 0) process.off('exit', this.#buryAll)
  }

  readonly #buryAll = (): void => {
    for (const row of this.#rows) this.#bury(row)
  }
}

const claimedRows = new ClaimedRows()

/** Who a thread is in the rows it claims: any number but 0 will do. */
function whoIs(id: number): bigint {
  return BigInt(id) + 1n
}

/** A semaphore through the TypeScript twin. */
export class TwinSemaphore implements Semaphore {
  readonly founding: SemaphoreLimits
  readonly take: () => undefined | false
  readonly give: () => undefined | boolean
  readonly #core: SemaphoreCore
  readonly #owner: number

  private constructor(core: SemaphoreCore, owner: number) {
    this.#core = core
    this.#owner = owner
    const { maxConcurrent, maxQueue, least } = core
    this.founding = { maxConcurrent, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
    this.take = () => (core.tryAcquire(owner) ? undefined : false)
    this.give = () => {
      if (core.held(owner) === 0) throw new RangeError('semaphore: this thread holds no permit')
      const next = core.release(owner)
      return (core.anybodyWaits && this.#grantAll()) || next !== 0 ? true : undefined
    }
    claimedRows.add(this, { core, owner })
  }

  static create(view: BigInt64Array, limits: SemaphoreLimits, shape: SemaphoreShape): TwinSemaphore | null {
    const { maxConcurrent, maxQueue, least } = limits
    new SemaphoreCore(view, { ...shape, least }).initialize(maxConcurrent, boundOf(maxQueue))
    return TwinSemaphore.open(view)
  }

  /** @throws {TypeError} when the view does not hold a whole semaphore */
  static open(view: BigInt64Array): TwinSemaphore | null {
    const form = formOfWord(view[SEMAPHORE.shape] ?? 0n)
    if (
      Atomics.load(view, SEMAPHORE.kind) !== kindWord(KIND.semaphore) ||
      view.length < cellsOf(form, form.least) * WORDS_PER_CELL
    ) {
      throw new TypeError('semaphore: the view does not hold a semaphore with all of its cells')
    }
    const core = new SemaphoreCore(view, form)
    // Nothing rings for the twin, so no doorbell.
    const owner = core.claim(whoIs(builtins.workerThreads.threadId), 0n)
    return owner === 0 ? null : new TwinSemaphore(core, owner)
  }

  /** Other processes are the addon's alone. */
  readonly isOfMachine = false

  reclaim(nowMs: number): void {
    this.#core.passOverLate(this.#owner, nowMs)
    this.#grantAll()
  }

  buryThread(id: number): void {
    this.#core.buryAllOf(whoIs(id))
  }

  acquire(): Admission {
    return this.#core.acquire(this.#owner)
  }

  takeLow(): boolean {
    return this.#core.tryAcquire(this.#owner, true)
  }

  ended(nowMs: number, ms: number): boolean {
    const { adaptive } = this.#core
    const us = ms * 1000
    const moved = us < 0 ? adaptive.drop(nowMs) : adaptive.add(nowMs, us, this.#core.inUse())
    if (moved) this.#core.announce(this.#owner)
    return moved && this.#grantAll()
  }

  limits(): SemaphoreLimits {
    const { most, least, maxQueue } = this.#core.terms()
    return { maxConcurrent: most, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
  }

  update({ maxConcurrent, maxQueue, least }: LimitsChange): boolean {
    const isChanged = this.#core.update(this.#owner, (terms) => {
      const next = {
        most: maxConcurrent ?? terms.most,
        least: least ?? terms.least,
        maxQueue: maxQueue === undefined ? terms.maxQueue : boundOf(maxQueue),
      }
      return next.least > next.most ? undefined : next
    })
    if (isChanged) this.#grantAll()
    return isChanged
  }

  limit(): number {
    return this.#core.limit()
  }

  inUse(): number {
    return this.#core.inUse()
  }

  cancel(): boolean {
    return this.#core.cancel(this.#owner)
  }

  collect(): number {
    const fresh = this.#core.collect(this.#owner)
    return this.#grantAll() ? fresh + this.#core.collect(this.#owner) : fresh
  }

  held(): number {
    return this.#core.held(this.#owner)
  }

  available(): number {
    return this.#core.available()
  }

  waiting(): number {
    return this.#core.waiting()
  }

  /** Hands over what the limit leaves room for; whether there was any. Nothing rings for the twin: who waits looks. */
  #grantAll(): boolean {
    let any = false
    while (this.#core.grant(this.#owner) !== 0) any = true
    return any
  }
}
