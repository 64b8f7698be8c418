import { BulkheadRejectedError, SharedMemoryError, TimeoutExceededError } from '../../errors.js'
import { type CallEvents, EventSource } from '../../internal/events/events.js'
import { subjectOf } from '../../internal/text/error-text.js'
import { timeOf } from '../../internal/time/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../../internal/time/timers.js'
import type { PermitQueue, PermitWaiter } from '../../memory/semaphore/queue.js'
import { ADMISSION, type LimitsChange } from '../../memory/semaphore/semaphore.js'
import { Hold } from '../stages/hold.js'
import type { AbortListener, Scope } from '../stages/scope.js'
import type { Call, LinearStage, Verdict } from '../stages/stage.js'
import { type BulkheadChange, checkBulkheadChange, type CompleteBulkheadOptions, priorityBy } from './options.js'

/** Events of a bulkhead. */
export interface BulkheadEvents extends CallEvents {
  /** A call has to wait for a slot. `queued`: how many calls of this thread wait for these slots now. */
  queued: { readonly queued: number }
  /** A call was refused: the queue is full, or the call waited too long. */
  rejected: { readonly error: BulkheadRejectedError }
}

/** Makes calls wait for one of a limited number of slots. */
export class BulkheadStage implements LinearStage {
  readonly kind = 'bulkhead'
  readonly readsArguments: boolean
  readonly readsPriority = true
  readonly options: CompleteBulkheadOptions
  readonly events: EventSource<BulkheadEvents>
  readonly timers: SharedTimers
  readonly counts = { calls: 0, running: 0, queued: 0, rejected: 0, timedOut: 0 }
  readonly queue: PermitQueue
  readonly #waiting = new Set<WaitingCall>()
  isDisposed = false

  constructor(options: CompleteBulkheadOptions, queue: PermitQueue) {
    this.options = options
    this.queue = queue
    this.readsArguments = typeof options.priority === 'function'
    this.events = new EventSource('bulkhead', options.name, ['queued', 'rejected'], options.clock)
    this.timers = timersOf(options.clock)
  }

  /** Gives a slot back. */
  readonly release = (): void => {
    this.queue.leave()
    this.counts.running--
  }

  /** Changes limits for all that share them, or throws before anything has changed. */
  update(change: BulkheadChange): void {
    if (this.isDisposed) throw disposedError()
    const checked = checkBulkheadChange(change, this.options.least > 0)
    // Another thread may change the other bound at any moment, and so make this change wrong, or right again.
    while (!this.queue.update(checked)) this.#checkBounds(checked)
  }

  #checkBounds({ least, maxConcurrent }: LimitsChange): void {
    const limits = this.queue.semaphore.limits()
    const [min, max] = [least ?? limits.least, maxConcurrent ?? limits.maxConcurrent]
    if (min > max)
      throw new RangeError(
        `min must be <= max; received { min: ${min}, max: ${max} }, counting the bound that the change leaves out`,
      )
  }

  enter(call: Call, slot: number): Promise<void> | undefined {
    if (this.isDisposed) throw disposedError()
    const { priority } = this.options
    const own = typeof priority === 'number' ? priority : priorityBy(priority, call.scope)
    if (this.queue.isWaitedFor() || this.queue.tryEnter() !== undefined) return this.#wait(call, slot, own)
    this.admit(call, slot)
    return undefined
  }

  /** Takes a free slot, and returns a stage that gives it to one call; undefined if none is free. */
  tryTake(): LinearStage | undefined {
    if (this.isDisposed) throw disposedError()
    const { kind, events, queue } = this
    const take = (): boolean => queue.tryEnter() === undefined
    if (queue.isWaitedFor() || !(take() || (queue.reclaim() && take()))) {
      this.counts.rejected++
      return undefined
    }
    const enter = (call: Call, slot: number): undefined => {
      this.admit(call, slot)
      return undefined
    }
    return { kind, events, enter, leave: (call, slot) => this.leave(call, slot) }
  }

  leave(call: Call, slot: number): Verdict {
    const hold = call.hold
    if (this.options.least > 0) (call.slots[slot] as TimedCall).outcome = outcomeOf(call)
    call.hold = hold?.outer
    hold?.leave()
    return undefined
  }

  /** Gives `call` the slot that was taken for it. The slot is freed when everything that runs in it has ended. */
  admit(call: Call, slot: number): void {
    this.counts.calls++
    this.counts.running++
    let { release } = this
    if (this.options.least > 0) {
      const timed = new TimedCall(this)
      call.slots[slot] = timed
      release = timed.release
    }
    call.hold = new Hold(call.hold, release)
  }

  /** Called when a call stops waiting, with or without a slot. */
  stopWaiting(waiting: WaitingCall): void {
    this.#waiting.delete(waiting)
    this.counts.queued--
  }

  /** The error for a call that gets no slot. */
  #refusal(because: string): BulkheadRejectedError {
    const maxConcurrent = this.queue.semaphore.limit()
    const queued = this.queue.semaphore.waiting()
    const who = subjectOf('the bulkhead', this.options.name)
    const error = new BulkheadRejectedError(`${who} runs ${maxConcurrent} call(s) at once, and ${because}`, {
      maxConcurrent,
      queued,
    })
    if (this.events.isHeard) this.events.emit('rejected', { error })
    return error
  }

  /** Refuses all waiting calls, and all later ones. */
  dispose(): void {
    this.isDisposed = true
    // Refusing one call may admit another, for which a slot was freed unnoticed by another thread. That one leaves the set.
    for (const waiting of this.#waiting) waiting.refuse(disposedError())
  }

  async #wait(call: Call, slot: number, own: number): Promise<void> {
    const { maxWaitMs } = this.options
    const { queue } = this
    const { scope } = call
    if (maxWaitMs === 0 && queue.reclaim() && queue.tryEnter() === undefined) {
      this.admit(call, slot)
      return
    }
    if (scope.aborted) throw scope.reason
    if (maxWaitMs === 0) {
      this.counts.rejected++
      throw this.#refusal('it does not wait')
    }
    const waiting = new WaitingCall(this, call, slot, scope.priority ?? own)
    const admission = queue.enter(waiting)
    if (admission === ADMISSION.admitted) {
      this.admit(call, slot)
      return
    }
    if (admission === ADMISSION.refused) {
      this.counts.rejected++
      throw this.#refusal(`its queue is full: ${queue.semaphore.limits().maxQueue} wait already`)
    }
    this.counts.queued++
    this.#waiting.add(waiting)
    scope.onAbort(waiting)
    if (maxWaitMs !== Infinity) this.timers.add(waiting, maxWaitMs)
    if (this.events.isHeard) this.events.emit('queued', { queued: queue.size })
    // The refusal is made here, so that listeners run in the async context of the call.
    if ((await waiting.turn) === 'too late') throw this.#refusal(`this call has waited for ${maxWaitMs} ms`)
  }
}

/** How a call ended, for an adaptive limit. A call that failed by itself says nothing about how many should run. */
type Outcome = 'succeeded' | 'cut off' | 'failed'

function outcomeOf({ failed, value }: Call): Outcome {
  if (!failed) return 'succeeded'
  const isTimeout = TimeoutExceededError.is(value) || (value instanceof Error && value.name === 'TimeoutError')
  return isTimeout ? 'cut off' : 'failed'
}

/** A call under an adaptive limit. The limit learns its duration once everything that ran in it has ended. */
class TimedCall {
  /** Set when the call leaves. A permit is disposed before that, and counts as a success. */
  outcome: Outcome = 'succeeded'
  readonly #stage: BulkheadStage
  readonly #startMs: number

  constructor(stage: BulkheadStage) {
    this.#stage = stage
    this.#startMs = timeOf(stage.options.clock)
  }

  readonly release = (): void => {
    const { outcome } = this
    if (outcome !== 'failed') {
      const nowMs = timeOf(this.#stage.options.clock)
      this.#stage.queue.ended(nowMs, outcome === 'succeeded' ? Math.max(0, nowMs - this.#startMs) : -1)
    }
    this.#stage.release()
  }
}

/** How a wait ended, if it was not cut short. */
type Turn = 'admitted' | 'too late'

const ignore = (): void => undefined

/** One call in the queue. */
class WaitingCall implements PermitWaiter, DueTimer, AbortListener {
  previous: PermitWaiter | null = null
  next: PermitWaiter | null = null
  due = 0
  order = 0
  heapIndex = -1
  readonly priority: number
  readonly #stage: BulkheadStage
  readonly #call: Call
  readonly #slot: number
  readonly turn: Promise<Turn>
  #resolve: (turn: Turn) => void = ignore
  #reject: (reason: unknown) => void = ignore

  constructor(stage: BulkheadStage, call: Call, slot: number, priority: number) {
    this.priority = priority
    this.#stage = stage
    this.#call = call
    this.#slot = slot
    this.turn = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  admitted(): void {
    this.#end()
    this.#stage.admit(this.#call, this.#slot)
    this.#resolve('admitted')
  }

  /** The call has waited as long as it may. */
  run(): void {
    this.#stage.counts.timedOut++
    this.#giveUp()
    this.#resolve('too late')
  }

  scopeAborted(scope: Scope): void {
    this.refuse(scope.reason)
  }

  refuse(reason: unknown): void {
    this.#giveUp()
    this.#reject(reason)
  }

  #giveUp(): void {
    this.#stage.queue.giveUp(this)
    this.#end()
  }

  #end(): void {
    this.#call.scope.offAbort(this)
    this.#stage.timers.remove(this)
    this.#stage.stopWaiting(this)
  }
}

function disposedError(): SharedMemoryError {
  return new SharedMemoryError('this bulkhead has been disposed', { reason: 'disposed' })
}
