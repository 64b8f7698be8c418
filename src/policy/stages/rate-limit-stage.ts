import { RateLimitExceeded } from '../../errors.js'
import { type CallEvents, EventSource } from '../../internal/events/events.js'
import { GRANTED } from '../../rate-limit/wait-policy.js'
import type { RateLimiter } from '../../rate-limit/rate-limiter.js'
import type { Call, LinearStage } from './stage.js'

/** Events of a rate limit in a pipeline. */
export interface RateLimitEvents extends CallEvents {
  /** A call has to wait for its turn. */
  waiting: { readonly limiterName: string | null }
  /** A call was refused; nothing was consumed. */
  refused: { readonly error: RateLimitExceeded }
}

/** Takes one token of a limiter for each call. */
export class RateLimitStage implements LinearStage {
  readonly kind = 'rate-limit'
  readonly limiter: RateLimiter
  readonly events: EventSource<RateLimitEvents>

  constructor(limiter: RateLimiter) {
    this.limiter = limiter
    this.events = new EventSource(
      'rate-limit',
      limiter.policy.name ?? null,
      ['waiting', 'refused'],
      limiter.policy.clock,
    )
  }

  enter(call: Call): Promise<void> | undefined {
    // Only a call that has to wait needs a signal, which is expensive.
    if (!call.scope.aborted && this.limiter.takeNow()) return undefined
    const turn = this.events.isHeard ? this.#acquireHeard(call) : this.#acquire(call)
    return turn === GRANTED ? undefined : turn
  }

  leave(): undefined {
    // A taken token stays spent.
  }

  #acquire({ scope }: Call): Promise<void> {
    return scope.isAbortable ? this.limiter.acquire(1, { signal: scope.signal }) : this.limiter.acquire()
  }

  #acquireHeard(call: Call): Promise<void> {
    const { events, limiter } = this
    const waitingBefore = limiter.stats().waiting
    const turn = this.#acquire(call)
    if (turn === GRANTED) return turn
    if (limiter.stats().waiting > waitingBefore) events.emit('waiting', { limiterName: limiter.policy.name ?? null })
    return turn.catch((error: unknown) => {
      if (RateLimitExceeded.is(error)) events.emit('refused', { error })
      throw error
    })
  }
}
