import { type InContext, keepContext } from '../../internal/async-context.js'
import { type Linked, LinkedList } from '../../internal/linked-list.js'
import type { AroundCall, AroundStage, Runner } from '../../policy/stage.js'
import type { PolicyFunction } from '../../internal/policy.js'
import type { Hold } from '../../policy/hold.js'
import type { Scope } from '../../policy/scope.js'
import { SLICE_MS } from '../schedule/timing.js'
import type { Share } from '../schedule/sharing.js'
import { LaneSlices, type SliceQueue } from './slice-queue.js'

/** An item that waits for a turn. */
class Waiting implements Linked<Waiting> {
  previous: Waiting | null = null
  next: Waiting | null = null
  /** Runs it in the context of its own call: a policy of somebody's own may have given it one. */
  readonly run: () => void

  constructor(call: () => unknown, resolve: (result: unknown) => void, reject: (error: unknown) => void) {
    const inContext = keepContext('AmorsizeTurn')
    this.run = () => {
      try {
        resolve(inContext(call))
      } catch (error) {
        reject(error)
      }
    }
  }
}

/**
 * Has an item begin that a policy has held back: in this turn of the event loop if something of it is left, otherwise in a later one. Each slot
 * that comes free, and each delay that is over, lets the next item go on at once: without this, all that wait would run in one turn.
 */
export class TurnStage implements AroundStage {
  readonly kind = 'turn'
  readonly #slices: LaneSlices
  /** In the order in which their policies let them go on. */
  readonly #waiting = new LinkedList<Waiting>()

  constructor(queue: SliceQueue, share: Share) {
    // Each item brings a context of its own.
    const inContext: InContext = (fn) => fn()
    this.#slices = new LaneSlices(queue, share, inContext, () => this.#slice())
  }

  begin(scope: Scope, hold: Hold | undefined): AroundCall {
    return { start: (inner, fn) => this.#start(scope, hold, inner, fn), end: () => undefined }
  }

  #start(scope: Scope, hold: Hold | undefined, inner: Runner, fn: PolicyFunction<unknown>): unknown {
    const call = (): unknown => {
      if (scope.aborted) throw scope.reason
      return inner(scope, fn, hold)
    }
    // A lane within its slice looks at the time itself.
    if (this.#slices.isSlice || (this.#slices.restMs > 0 && this.#waiting.size === 0)) return this.#slices.now(call, 0)
    return new Promise((resolve, reject) => {
      this.#waiting.append(new Waiting(call, resolve, reject))
      this.#slices.computes(true)
      this.#slices.ask()
    })
  }

  #slice(): void {
    const endMs = performance.now() + this.#slices.lengthMs(SLICE_MS)
    for (let { first } = this.#waiting; first !== null; { first } = this.#waiting) {
      this.#waiting.remove(first)
      first.run()
      if (performance.now() >= endMs) break
    }
    if (this.#waiting.size > 0) this.#slices.ask()
    else this.#slices.computes(false)
  }
}
