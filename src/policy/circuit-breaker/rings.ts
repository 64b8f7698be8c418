import { keepContext } from '../../internal/async-context.js'
import { doorbell, ringOthers } from '../../memory/shared/doorbell.js'
import type { CircuitBreakerStage } from './stage.js'

/**
 * Between the threads that share a breaker: reports transitions made here to the others, and theirs to the listeners here. A
 * breaker that is not shared rings nobody, and without listeners nothing waits for a ring.
 */
export class TransitionRings {
  readonly #stage: CircuitBreakerStage
  #isShared = false
  #listeners = 0
  #stop: (() => void) | undefined = undefined

  constructor(stage: CircuitBreakerStage) {
    this.#stage = stage
  }

  /** From now on other threads may use the breaker. */
  share(): void {
    this.#isShared = true
    this.#stage.onTransition = ringOthers
    this.#update()
  }

  /** Adds a listener; returns a function that removes it. */
  listen(): () => void {
    this.#listeners++
    this.#update()
    let isListening = true
    return () => {
      if (!isListening) return
      isListening = false
      this.#listeners--
      this.#update()
    }
  }

  #update(): void {
    const wanted = this.#isShared && this.#listeners > 0
    if (wanted && this.#stop === undefined) {
      this.#stop = tellOnRing(this.#stage)
    } else if (!wanted && this.#stop !== undefined) {
      this.#stop()
      this.#stop = undefined
    }
  }
}

/**
 * A breaker that nobody uses any more is not kept for the sake of its listeners. A transition by another thread belongs to no call of this
 * one: listeners are called in the async context of the first of them.
 */
function tellOnRing(stage: CircuitBreakerStage): () => void {
  const weak = new WeakRef(stage)
  const inContext = keepContext('AmorsizeBreaker')
  const stop = doorbell.onRing(() =>
    inContext(() => {
      const alive = weak.deref()
      if (alive === undefined) stop()
      else alive.tell()
    }),
  )
  return stop
}
