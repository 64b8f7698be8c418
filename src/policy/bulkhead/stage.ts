import { BulkheadRejectedError, SharedMemoryError, TimeoutExceededError } from '../../errors.js'
import { type CallEvents, EventSource } from '../../internal/events/events.js'
import { subjectOf } from '../../internal/text/error-text.js'
import { timeOf } from '../../internal/time/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../../internal/time/timers.js'
import type { PermitQueue, PermitWaiter } from '../../memory/semaphore/queue.js'
import { ADMISSION, type LimitsChange, type SemaphoreLimits } from '../../memory/semaphore/semaphore.js'
import { Hold } from '../stages/hold.js'
import { type AbortListener, NO_ARGUMENTS, type Scope } from '../stages/scope.js'
import type { Call, LinearStage, Verdict } from '../stages/stage.js'
import { type BulkheadChange, checkBulkheadChange, type CompleteBulkheadOptions, priorityBy } from './options.js'
import { Partition, Partitions } from './partitions.js'

/** Events of a bulkhead. */
export interface BulkheadEvents extends CallEvents {
  /** A call has to wait for a slot. `queued`: how many of this thread wait at these slots now. */
  queued: { readonly queued: number }
  /** A call was refused: the queue is full, or the call waited too long. */
  rejected: { readonly error: BulkheadRejectedError }
}

/** Has calls wait for one of a number of slots. */
export class BulkheadStage implements LinearStage {
  readonly kind = 'bulkhead'
  readonly readsArguments: boolean
  readonly readsPriority = true
  readonly options: CompleteBulkheadOptions
  readonly events: EventSource<BulkheadEvents>
  readonly timers: SharedTimers
  readonly counts = { calls: 0, running: 0, queued: 0, rejected: 0, timedOut: 0 }
  /** Of all calls, where there is no `key`. */
  readonly #only: Partition | undefined
  readonly #partitions: Partitions
  readonly #waiting = new Set<WaitingCall>()
  isDisposed = false

  /** @param queue - the slots of all calls; undefined where each key has its own */
  constructor(options: CompleteBulkheadOptions, queue: PermitQueue | undefined) {
    this.options = options
    this.readsArguments = options.key !== undefined || typeof options.priority === 'function'
    this.events = new EventSource('bulkhead', options.name, ['queued', 'rejected'], options.clock)
    this.timers = timersOf(options.clock)
    const onRelease = (partition: Partition): void => {
      this.counts.running--
      this.#leave(partition)
    }
    this.#only = queue === undefined ? undefined : new Partition(queue, onRelease)
    this.#partitions = new Partitions(options, onRelease)
  }

  /** Those in force, of each key where there is one. */
  get limits(): SemaphoreLimits {
    return this.#only?.queue.semaphore.limits() ?? this.#partitions.limits
  }

  /** Changes limits for all who share them, or throws before anything has changed. */
  update(change: BulkheadChange): void {
    if (this.isDisposed) throw disposedError()
    const { least, key, name } = this.options
    const checked = checkBulkheadChange(change, least > 0)
    if (key !== undefined && name !== null)
      throw new TypeError(
        `a bulkhead with keys and a name cannot be changed: other threads have slots of '${name}' for keys that this one does not know; leave out the name, or use perKey((key) => bulkhead({ name })), and update each`,
      )
    if (this.#only === undefined) this.#partitions.update(checked)
    // Another thread may change the other bound at any moment: so that it is refused, or so that it no longer is.
    else while (!this.#only.queue.update(checked)) this.#checkBounds(checked)
  }

  #checkBounds({ least, maxConcurrent }: LimitsChange): void {
    const { limits } = this
    const [min, max] = [least ?? limits.least, maxConcurrent ?? limits.maxConcurrent]
    if (min > max)
      throw new RangeError(
        `min must be <= max; received { min: ${min}, max: ${max} }, where what is not in the change is as it was`,
      )
  }

  enter(call: Call, slot: number): Promise<void> | undefined {
    if (this.isDisposed) throw disposedError()
    const { priority } = this.options
    const own = typeof priority === 'number' ? priority : priorityBy(priority, call.scope)
    const partition = this.#only ?? this.#partitions.find(call.scope.args)
    partition.users++
    const { queue } = partition
    if (queue.isWaitedFor() || queue.tryEnter() !== undefined) return this.#wait(call, slot, partition, own)
    this.admit(call, slot, partition)
    return undefined
  }

  /** Takes a slot that is free: a stage that has it, for one call; undefined where there is none. */
  tryTake(): LinearStage | undefined {
    if (this.isDisposed) throw disposedError()
    const partition = this.#only ?? this.#partitions.find(NO_ARGUMENTS)
    const { queue } = partition
    partition.users++
    const take = (): boolean => queue.tryEnter() === undefined
    if (queue.isWaitedFor() || !(take() || (queue.reclaim() && take()))) {
      this.#leave(partition)
      this.counts.rejected++
      return undefined
    }
    const { kind, events } = this
    const enter = (call: Call, slot: number): undefined => {
      this.admit(call, slot, partition)
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

  /** Gives `call` the slot that was taken for it. It is free when everything that runs in it has ended. */
  admit(call: Call, slot: number, partition: Partition): void {
    this.counts.calls++
    this.counts.running++
    let { release } = partition
    if (this.options.least > 0) {
      const timed = new TimedCall(this, partition)
      call.slots[slot] = timed
      release = timed.release
    }
    call.hold = new Hold(call.hold, release)
  }

  /** A call waits no longer, for a slot or for nothing. */
  stopWaiting(waiting: WaitingCall, partition: Partition, isAdmitted: boolean): void {
    this.#waiting.delete(waiting)
    this.counts.queued--
    if (!isAdmitted) this.#leave(partition)
  }

  /** The error for a call that gets no slot. */
  #refusal({ queue }: Partition, because: string): BulkheadRejectedError {
    const { name } = this.options
    const maxConcurrent = queue.semaphore.limit()
    const queued = queue.semaphore.waiting()
    const who = subjectOf('the bulkhead', name)
    const error = new BulkheadRejectedError(`${who} runs ${maxConcurrent} call(s) at once, and ${because}`, {
      maxConcurrent,
      queued,
    })
    if (this.events.isHeard) this.events.emit('rejected', { error })
    return error
  }

  /** Refuses all that wait, and all that come. */
  dispose(): void {
    this.isDisposed = true
    // Whoever was let in meanwhile has left the set: slots of other threads may have come unheard.
    for (const waiting of this.#waiting) waiting.refuse(disposedError())
  }

  #leave(partition: Partition): void {
    if (--partition.users === 0 && partition !== this.#only) this.#partitions.rest(partition)
  }

  async #wait(call: Call, slot: number, partition: Partition, own: number): Promise<void> {
    const { maxWaitMs } = this.options
    const { scope } = call
    if (maxWaitMs === 0 && partition.queue.reclaim() && partition.queue.tryEnter() === undefined) {
      this.admit(call, slot, partition)
      return
    }
    if (scope.aborted || maxWaitMs === 0) {
      this.#leave(partition)
      if (scope.aborted) throw scope.reason
      this.counts.rejected++
      throw this.#refusal(partition, 'it does not wait')
    }
    const waiting = new WaitingCall(this, call, slot, partition, scope.priority ?? own)
    const admission = partition.queue.enter(waiting)
    if (admission === ADMISSION.admitted) {
      this.admit(call, slot, partition)
      return
    }
    if (admission === ADMISSION.refused) {
      this.#leave(partition)
      this.counts.rejected++
      throw this.#refusal(partition, `its queue is full: ${partition.queue.semaphore.limits().maxQueue} wait already`)
    }
    this.counts.queued++
    this.#waiting.add(waiting)
    scope.onAbort(waiting)
    if (maxWaitMs !== Infinity) this.timers.add(waiting, maxWaitMs)
    if (this.events.isHeard) this.events.emit('queued', { queued: partition.queue.size })
    // Listeners are told from here, in the async context of the call.
    if ((await waiting.turn) === 'too late') throw this.#refusal(partition, `this call has waited for ${maxWaitMs} ms`)
  }
}

/** How a call ended, for an adaptive limit: what failed by itself says nothing about how many should run. */
type Outcome = 'succeeded' | 'cut off' | 'failed'

function outcomeOf({ failed, value }: Call): Outcome {
  if (!failed) return 'succeeded'
  const isTimeout = TimeoutExceededError.is(value) || (value instanceof Error && value.name === 'TimeoutError')
  return isTimeout ? 'cut off' : 'failed'
}

/** A call under an adaptive limit, which learns how long it took once everything that ran in it has ended. */
class TimedCall {
  /** Noted as the call leaves; a permit, which is disposed before, has succeeded. */
  outcome: Outcome = 'succeeded'
  readonly #stage: BulkheadStage
  readonly #partition: Partition
  readonly #startMs: number

  constructor(stage: BulkheadStage, partition: Partition) {
    this.#stage = stage
    this.#partition = partition
    this.#startMs = timeOf(stage.options.clock)
  }

  readonly release = (): void => {
    const { outcome } = this
    if (outcome !== 'failed') {
      const nowMs = timeOf(this.#stage.options.clock)
      this.#partition.queue.ended(nowMs, outcome === 'succeeded' ? Math.max(0, nowMs - this.#startMs) : -1)
    }
    this.#partition.release()
  }
}

/** How a wait ended, where it was not cut short. */
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
  readonly #partition: Partition
  readonly turn: Promise<Turn>
  #resolve: (turn: Turn) => void = ignore
  #reject: (reason: unknown) => void = ignore

  constructor(stage: BulkheadStage, call: Call, slot: number, partition: Partition, priority: number) {
    this.priority = priority
    this.#stage = stage
    this.#call = call
    this.#slot = slot
    this.#partition = partition
    this.turn = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  admitted(): void {
    this.#end(true)
    this.#stage.admit(this.#call, this.#slot, this.#partition)
    this.#resolve('admitted')
  }

  /** It has waited as long as it may. */
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
    this.#partition.queue.giveUp(this)
    this.#end(false)
  }

  #end(isAdmitted: boolean): void {
    this.#call.scope.offAbort(this)
    this.#stage.timers.remove(this)
    this.#stage.stopWaiting(this, this.#partition, isAdmitted)
  }
}

function disposedError(): SharedMemoryError {
  return new SharedMemoryError('this bulkhead has been disposed', { reason: 'disposed' })
}
