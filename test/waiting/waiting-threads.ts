import type { Axis } from '../../dist/memory/shared/axis.js'
import { type Bucket, OUTCOME } from '../../dist/memory/bucket/bucket.js'
import { buckets, createWaiters, openWaiters } from '../../dist/memory/bucket/index.js'
import { WaitQueue } from '../../dist/rate-limit/waiting/wait-queue.js'
import type { SimulatedMachine, SimulatedThread } from './simulated-threads.js'

/** A caller that was let go on, by one of the readings of its thread's clock from the first to the last of these. */
export interface Grant {
  readonly thread: number
  readonly tokens: number
  /** How many came to any thread before. */
  readonly arrival: number
  readonly fromMs: number
  readonly toMs: number
  /** What the bucket had produced then, tokens. */
  readonly produced: readonly [from: number, to: number]
}

export { GRACE_MS } from '../../dist/rate-limit/waiting/turn.js'

/** A limit that simulated threads share: what `RateLimiter` is made of, on clocks that are theirs. */
export class WaitingThreads {
  readonly grants: Grant[] = []
  readonly threads: readonly WaitingThread[]
  arrivals = 0

  constructor(machine: SimulatedMachine, count: number, requestsPerSecond: number, burstSize: number) {
    const parameters = { requestsPerSecond, burstSize }
    const clocks = Array.from({ length: count }, () => machine.thread())
    const { address } = buckets.create(parameters, clocks[0]!)
    const rows = openWaiters(createWaiters(address))
    this.threads = clocks.map((clock, index) => {
      const bucket = buckets.open(address, parameters, clock).subject
      bucket.attachWaiters(rows)
      return new WaitingThread(this, index, clock, bucket)
    })
  }

  /** Tokens that have been produced by now. */
  produced(): number {
    return producedBy(this.threads[0]!.bucket.survey())
  }
}

const producedBy = (axis: Axis): number => (axis.baseHigh * 2 ** 32 + axis.baseLow + axis.produced) / 10 ** axis.digits

/** The limit as one thread has it. */
export class WaitingThread {
  readonly queue: WaitQueue
  readonly #all: WaitingThreads
  /** What the look under way saw first, and last. */
  #look: Pick<Grant, 'fromMs' | 'toMs' | 'produced'> | null = null

  constructor(
    all: WaitingThreads,
    readonly index: number,
    readonly clock: SimulatedThread,
    readonly bucket: Bucket,
  ) {
    this.#all = all
    this.queue = new WaitQueue(this.#watched(bucket), clock)
  }

  /** What `acquire` does, for a caller that gives up after a while. */
  acquire(tokens: number, limitMs = Infinity): void {
    const arrival = this.#all.arrivals++
    const granted = (): void => {
      const { fromMs, toMs, produced } = this.#look!
      this.#all.grants.push({ thread: this.index, tokens, arrival, fromMs, toMs, produced })
    }
    this.queue.catchUp()
    if (this.queue.size === 0 && this.#take(tokens)) {
      granted()
      return
    }
    const controller = new AbortController()
    const limit = limitMs === Infinity ? null : this.clock.after(limitMs, () => controller.abort())
    const admitted = (): void => {
      limit?.cancel()
      granted()
    }
    this.queue.wait(tokens, controller.signal, admitted).catch(() => undefined)
  }

  #take(tokens: number): boolean {
    this.#look = null
    this.#see()
    const isTaken = this.bucket.tryAcquire(tokens) === OUTCOME.granted
    this.#see()
    return isTaken
  }

  #see(axis = this.bucket.survey()): void {
    const { lastReadingMs } = this.clock
    const produced = producedBy(axis)
    const { fromMs, produced: first } = this.#look ?? { fromMs: lastReadingMs, produced: [produced] }
    this.#look = { fromMs, toMs: lastReadingMs, produced: [first[0], produced] }
  }

  /** The bucket as the line sees it, which is watched. */
  #watched(bucket: Bucket): Bucket {
    const { survey, beginLook } = bucket
    return new Proxy(bucket, {
      get: (target, name: keyof Bucket) => {
        if (name === 'beginLook') {
          return () => {
            this.#look = null
            beginLook.call(target)
          }
        }
        if (name === 'survey') {
          return () => {
            const axis = survey.call(target)
            this.#see(axis)
            return axis
          }
        }
        const value: unknown = target[name]
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }
}
