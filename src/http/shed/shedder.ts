import { warnings } from '../../internal/events/warnings.js'
import { PRIORITIES, USUAL_PRIORITY } from '../../internal/options/priority.js'
import { valueOf } from '../../internal/options/predicate.js'
import { describe } from '../../internal/options/validate.js'
import { type Clock, systemClock, timeOf } from '../../internal/time/clock.js'
import type { PermitQueue } from '../../memory/semaphore/queue.js'
import { permitQueues } from '../../memory/semaphore/queues.js'
import { systemInfo } from '../../system/index.js'
import { MemoryLevel } from '../../system/memory-level.js'
import { partName } from '../encoded-name.js'
import { CLIENT_GONE } from '../adapters/response-end.js'
import { type Gate, type HeaderSink, problemOf, type Verdict } from '../adapters/verdict.js'
import { appendHeader } from '../limit/rate-headers.js'
import { warnInHandler, warnOfFailure } from '../warnings.js'
import { EventLoopDelay, LoopLag } from './event-loop.js'
import { type CompleteShedOptions, type ShedOptions, completeShedOptions } from './options.js'

/** Why a request is refused. */
export interface ShedDecision {
  /** 'concurrency': as many are worked on as go well; 'event-loop': it is late; 'memory': little is left. */
  readonly reason: 'concurrency' | 'event-loop' | 'memory'
  /** That of the request. */
  readonly priority: number
  /** How many may be worked on at once, by all who share the name. */
  readonly limit: number
  /** How many are worked on, by all who share the name. */
  readonly inUse: number
  /** The status of the answer. */
  readonly status: number
}

/** Counts of one {@link shed} in this thread, and where all who share its name stand. */
export interface ShedStats {
  /** Requests that went on. */
  readonly admitted: number
  /** With `dryRun`, those that would have been. */
  readonly refused: number
  /** Requests under way that have a place. */
  readonly running: number
  /** How many may be answered at once, now. */
  readonly limit: number
  /** How many are being answered. */
  readonly inUse: number
}

/** A middleware, plugin or handler that sheds load. */
export interface Shed extends Disposable {
  /** Its counts in this thread, and the limit that all who share its name have. */
  stats(): ShedStats
  /** Ends what measures the event loop. */
  [Symbol.dispose](): void
}

/** Below this priority only half of the places are there. */
const LOW = 5
/** All places have been taken when one was refused so long ago at most. ms */
const FULL_MS = 1000
/** The working set is read once in this time. ms */
const MEMORY_EVERY_MS = 500

/** Decides which requests a server works on, whatever its framework. */
export class Shedder<Request> implements Gate<Request, ShedDecision> {
  readonly options: CompleteShedOptions<Request>
  readonly #places: PermitQueue
  readonly #delay: EventLoopDelay | undefined
  /** Undefined without an adaptive limit, or on another clock. */
  readonly #lag: LoopLag | undefined
  readonly #memory: MemoryLevel | undefined
  #memoryReadMs = -Infinity
  /** When the last was refused for want of a place. */
  #refusedMs = -Infinity
  #admitted = 0
  #refused = 0
  #running = 0

  constructor(what: string, options: ShedOptions<Request>) {
    this.options = completeShedOptions(what, options)
    const { name, scope, clock, concurrency, maxEventLoopDelayMs, maxMemoryRatio } = this.options
    const limits = { ...concurrency, maxQueue: 0 }
    const shared = partName(name, 'shed')
    this.#places =
      shared === undefined ? permitQueues.create(limits).queue : permitQueues.byName(shared, scope, limits, clock)
    if (maxMemoryRatio !== undefined) this.#memory = new MemoryLevel(maxMemoryRatio)
    if (maxEventLoopDelayMs !== Infinity) this.#delay = new EventLoopDelay(clock)
    if (concurrency.least > 0 && clock === systemClock) this.#lag = new LoopLag()
    warnInHandler(what)
  }

  /** Actions of programs on it. Places are given back as their requests end. */
  handles(): Shed {
    return {
      stats: () => ({ admitted: this.#admitted, refused: this.#refused, running: this.#running, ...this.#standing() }),
      [Symbol.dispose]: () => this.#delay?.stop(),
    }
  }

  /** Decides about a request that has come. */
  judge(request: Request): Verdict<ShedDecision> | null {
    const priority = this.#priorityOf(request)
    if (priority === Infinity) {
      this.#admitted++
      return null
    }
    const reason = this.#overload() ?? (this.#take(priority) ? null : 'concurrency')
    if (reason === null) return this.#admit()
    this.#refused++
    if (this.#lag !== undefined && reason === 'concurrency') this.#refusedMs = timeOf(systemClock)
    const { dryRun, statusCode: status } = this.options
    if (dryRun) return null
    return refused({ reason, priority, ...this.#standing(), status })
  }

  #standing(): Pick<ShedStats, 'limit' | 'inUse'> {
    const { semaphore } = this.#places
    return { limit: semaphore.limit(), inUse: semaphore.inUse() }
  }

  #take(priority: number): boolean {
    const { tryEnter, semaphore } = this.#places
    const has = (): boolean => (priority < LOW ? semaphore.takeLow() : tryEnter() === undefined)
    // Places of a process that has ended are reclaimed by a request that finds none.
    return has() || (this.#places.reclaim() && has())
  }

  #admit(): Verdict<ShedDecision> {
    this.#admitted++
    this.#running++
    const { clock, concurrency } = this.options
    const startMs = concurrency.least > 0 ? this.#startOf(timeOf(clock)) : 0
    let hasEnded = false
    const ended = (status: number, isWhole = true): void => {
      if (hasEnded) return
      hasEnded = true
      this.#running--
      if (concurrency.least > 0) this.#tell(isWhole ? status : CLIENT_GONE, startMs, clock)
      this.#places.leave()
    }
    return { ...ADMITTED, ended }
  }

  /** When a request that is seen now may have come. As long as nobody is refused, it is of no account how the loop is busy. */
  #startOf(nowMs: number): number {
    return this.#lag === undefined || nowMs - this.#refusedMs > FULL_MS ? nowMs : nowMs - this.#lag.readMs()
  }

  /** Reports to an adaptive limit how long it took. A request that failed, or that its client cut short, says nothing about that. */
  #tell(status: number, startMs: number, clock: Clock): void {
    const isCutOff = status === 503 || status === 504
    if (!isCutOff && (status >= 500 || status === CLIENT_GONE)) return
    const nowMs = timeOf(clock)
    this.#places.ended(nowMs, isCutOff ? -1 : Math.max(0, nowMs - startMs))
  }

  #overload(): 'event-loop' | 'memory' | null {
    if (this.#delay !== undefined && this.#delay.ms > this.options.maxEventLoopDelayMs) return 'event-loop'
    return this.#memory !== undefined && this.#isShort(this.#memory) ? 'memory' : null
  }

  #isShort(memory: MemoryLevel): boolean {
    const nowMs = systemClock.now()
    if (nowMs - this.#memoryReadMs < MEMORY_EVERY_MS) return memory.isHigh
    this.#memoryReadMs = nowMs
    const isShort = memory.look(systemInfo().memory)
    if (memory.ratio === null)
      warnings.once(
        'AMORSIZE_HTTP_MEMORY_UNKNOWN',
        'maxMemoryRatio refuses nothing: this system tells neither a limit of memory nor how much of it is available',
      )
    return isShort
  }

  #priorityOf(request: Request): number {
    const { priority } = this.options
    if (priority === undefined) return USUAL_PRIORITY
    try {
      const own: unknown = valueOf(priority(request))
      if (own === Infinity || (typeof own === 'number' && own >= PRIORITIES.min && own <= PRIORITIES.max)) return own
      throw new TypeError(`priority must return a number from 0 to 9, or Infinity; it returned ${describe(own)}`)
    } catch (error) {
      warnOfFailure(`priority failed, and the request has priority ${USUAL_PRIORITY}`, error)
      return USUAL_PRIORITY
    }
  }
}

const nothing = (): undefined => undefined
const ADMITTED = { refusal: null, settles: false, holds: true, writeHeaders: nothing, answered: nothing }

/** Whole seconds after which a refused request may come again: a limit that moves says nothing better. */
const SHED_RETRY_SECONDS = 1

/** Tells a client that there was no place, by the header fields of the IETF's draft 10, with the unit of places. */
function refused(decision: ShedDecision): Verdict<ShedDecision> {
  const { reason, limit, status } = decision
  const title = 'Request cannot be satisfied due to temporary server capacity constraints'
  const problem = problemOf('temporary-reduced-capacity', title, status)
  const writeHeaders = (sink: HeaderSink): void => {
    if (reason !== 'concurrency') return
    appendHeader(sink, 'ratelimit-policy', `"concurrency";q=${limit};qu="concurrent-requests"`)
    appendHeader(sink, 'ratelimit', '"concurrency";r=0')
  }
  const refusal = { decision, status, retryAfterSeconds: SHED_RETRY_SECONDS, problem }
  return { ...ADMITTED, refusal, holds: false, writeHeaders, ended: nothing }
}
