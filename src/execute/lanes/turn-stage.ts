import { type InContext, keepContext } from '../../internal/async-context.js'
import type { PolicyFunction } from '../../internal/policy.js'
import type { Hold } from '../../policy/stages/hold.js'
import type { Scope } from '../../policy/stages/scope.js'
import type { AroundCall, AroundStage, Runner } from '../../policy/stages/stage.js'
import { LaneSlices, type SliceQueue } from './slice-queue.js'

/**
 * Has an item begin that a policy has held back: in this turn of the event loop if something of it is left, otherwise in a later one. Each slot
 * that comes free, and each delay that is over, lets the next item go on at once: without this, all that wait would run in one turn.
 */
export class TurnStage implements AroundStage {
  readonly kind = 'turn'
  readonly #slices: LaneSlices
  /** Items, in the order in which their policies let them go on. */
  readonly #waiting: (() => void)[] = []

  constructor(queue: SliceQueue) {
    // Each item brings a context of its own.
    const inContext: InContext = (fn) => fn()
    this.#slices = new LaneSlices(queue, inContext, () => this.#slice())
  }

  begin(scope: Scope, hold: Hold | undefined): AroundCall {
    return { start: (inner, fn) => this.#start(scope, hold, inner, fn), end: () => undefined }
  }

  #start(scope: Scope, hold: Hold | undefined, inner: Runner, fn: PolicyFunction<unknown>): unknown {
    const call = (): unknown => {
      if (scope.aborted) throw scope.reason
      return inner(scope, fn, hold)
    }
    const { queue } = this.#slices
    // A lane within its slice looks at the time itself.
    if (queue.isSlice || (queue.leftMs > 0 && this.#waiting.length === 0)) return queue.now(call)
    return new Promise((resolve, reject) => {
      // In the context of its own call: a policy of somebody's own may have given it one.
      const inContext = keepContext('AmorsizeTurn')
      this.#waiting.push(() => {
        try {
          resolve(inContext(call))
        } catch (error) {
          reject(error)
        }
      })
      this.#slices.ask()
    })
  }

  #slice(): void {
    const endMs = performance.now() + this.#slices.queue.leftMs
    let done = 0
    do this.#waiting[done++]?.()
    while (done < this.#waiting.length && performance.now() < endMs)
    this.#waiting.splice(0, done)
    if (this.#waiting.length > 0) this.#slices.ask()
  }
}
