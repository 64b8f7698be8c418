import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { Cell } from './protocol.js'

declare module '../../internal/native.js' {
  interface NativeAddon {
    /** The kernel's number of this thread. Linux only, as all of these. */
    threadNumber?(): number
    /** The CPU that this thread runs on, -1 when it cannot be known. */
    cpuNumber?(): number
    /** Bars another thread of this process from the CPU of this one, until `letBack` or the next call; whether it has. */
    keepAway?(thread: number): boolean
    letBack?(): void
  }
}

/** The part of the addon that places threads. */
type Placing = Required<Pick<NativeAddon, 'cpuNumber' | 'threadNumber' | 'keepAway' | 'letBack'>>

/** On which CPUs this thread and its workers run. Does nothing before {@link Placement.load}. */
class Placement {
  /** Undefined until it is loaded, null where there is none. */
  #placing: Placing | null | undefined = undefined

  /** Loads what places threads, the addon with it: not while anybody waits. @returns whether there is such a thing */
  load(): boolean {
    if (this.#placing === undefined) this.#placing = process.platform === 'linux' ? placingIfAny() : null
    return this.#placing !== null
  }

  /** Says where this thread runs: where it falls asleep the kernel would wake it up. */
  tell(cells: Int32Array): void {
    const placing = this.#placing
    if (placing == null) return
    // order: any. Only `postElsewhere` reads them, and an older place costs it a few microseconds or a chance.
    if (cells[Cell.THREAD] === 0) Atomics.store(cells, Cell.THREAD, placing.threadNumber())
    Atomics.store(cells, Cell.CPU, placing.cpuNumber())
  }

  /**
   * Calls `post`, which gives the worker of `cells` something to do, so that it does not do it on the CPU of this thread. Only for a worker that
   * does nothing: what a task starts meanwhile, a process for one, would be barred from that CPU for good. The kernel wakes a
   * thread where it has slept, or beside the one that wakes it, without looking further while all CPUs have been busy of late; and two threads
   * that compute on one CPU stay there for longer than a run of some milliseconds takes.
   */
  postElsewhere(cells: Int32Array, post: () => void): void {
    const placing = this.#placing
    const thread = Atomics.load(cells, Cell.THREAD)
    if (placing == null || thread === 0) {
      post()
      return
    }
    const isBeside = Atomics.load(cells, Cell.CPU) === placing.cpuNumber() && placing.keepAway(thread)
    try {
      post()
    } finally {
      // It has been woken up elsewhere by now; where it goes from there is the kernel's affair.
      if (isBeside) placing.letBack()
    }
  }
}

export const placement = new Placement()

function placingIfAny(): Placing | null {
  try {
    const addon = nativeAddon()
    return addon?.keepAway === undefined ? null : (addon as Placing)
  } catch {
    // Whoever has forbidden to go on without it means what cannot be had otherwise; a run only gains less.
    return null
  }
}
