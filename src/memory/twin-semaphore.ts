import { builtins } from '../internal/builtins.js'
import { KIND, kindWord, SEMAPHORE, WORDS_PER_CELL } from './layout.js'
import { SemaphoreCore } from './semaphore-core.js'
import type { Admission, Semaphore, SemaphoreLimits, SemaphoreShape } from './semaphore.js'

/** Rows that this thread has claimed: buried when their semaphore is collected, or the thread ends. */
const claimed = new Set<Row>()
const collected = new FinalizationRegistry<Row>((row) => row.bury())

class Row {
  readonly core: SemaphoreCore
  readonly owner: number

  constructor(core: SemaphoreCore, owner: number) {
    if (claimed.size === 0) process.on('exit', buryAll)
    this.core = core
    this.owner = owner
    claimed.add(this)
  }

  bury(): void {
    this.core.bury(this.owner)
    claimed.delete(this)
    if (claimed.size === 0) process.off('exit', buryAll)
  }
}

/** Who a thread is in the rows it claims: any number but 0 will do. */
function whoIs(id: number): bigint {
  return BigInt(id) + 1n
}

function buryAll(): void {
  for (const row of claimed) row.bury()
}

/** A semaphore through the TypeScript twin. */
export class TwinSemaphore implements Semaphore {
  readonly maxConcurrent: number
  readonly maxQueue: number
  readonly take: () => undefined | false
  readonly give: () => undefined | boolean
  readonly #core: SemaphoreCore
  readonly #owner: number
  /** Grants that have been collected. */
  #seen: number

  private constructor(core: SemaphoreCore, owner: number) {
    this.#core = core
    this.#owner = owner
    this.#seen = core.grants(owner)
    this.maxConcurrent = core.maxConcurrent
    this.maxQueue = core.maxQueue < 0 ? Infinity : core.maxQueue
    this.take = () => (core.tryAcquire(owner) ? undefined : false)
    this.give = () => {
      if (core.held(owner) === 0) throw new RangeError('semaphore: this thread holds no permit')
      return core.release(owner) === 0 ? undefined : true
    }
    collected.register(this, new Row(core, owner))
  }

  static create(view: BigInt64Array, limits: SemaphoreLimits, shape: SemaphoreShape): TwinSemaphore | null {
    new SemaphoreCore(view, shape).initialize(limits.maxConcurrent, limits.maxQueue === Infinity ? -1 : limits.maxQueue)
    return TwinSemaphore.open(view)
  }

  /** @throws {TypeError} when the view does not hold a whole semaphore */
  static open(view: BigInt64Array): TwinSemaphore | null {
    const word = Number(view[SEMAPHORE.shape])
    const shape = { rows: word >> 16, places: word & 0xffff }
    if (
      Atomics.load(view, SEMAPHORE.kind) !== kindWord(KIND.semaphore) ||
      view.length < (1 + shape.rows) * WORDS_PER_CELL + shape.places
    ) {
      throw new TypeError('semaphore: the view does not hold a semaphore with all of its cells')
    }
    const core = new SemaphoreCore(view, shape)
    // Nothing rings for the twin, so no doorbell.
    const owner = core.claim(whoIs(builtins.workerThreads.threadId), 0n)
    return owner === 0 ? null : new TwinSemaphore(core, owner)
  }

  /** Other processes are the addon's alone. */
  readonly isOfMachine = false

  buryDead(): void {
    // So there are none.
  }

  buryThread(id: number): void {
    this.#core.buryAllOf(whoIs(id))
  }

  acquire(): Admission {
    return this.#core.acquire(this.#owner)
  }

  cancel(): boolean {
    return this.#core.cancel(this.#owner)
  }

  collect(): number {
    const now = this.#core.grants(this.#owner)
    const fresh = (now - this.#seen) & 0xff_ffff
    this.#seen = now
    return fresh
  }

  held(): number {
    return this.#core.held(this.#owner, this.#seen)
  }

  available(): number {
    return this.#core.available()
  }

  waiting(): number {
    return this.#core.waiting()
  }
}
