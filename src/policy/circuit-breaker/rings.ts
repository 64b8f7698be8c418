import { keepContext } from '../../internal/async-context.js'
import { doorbell, ringOthers } from '../../memory/shared/doorbell.js'
import type { CircuitBreakerStage } from './stage.js'

/**
 * Connects the threads that share a breaker: reports transitions made in this thread to the others, and theirs to the listeners
 * in this thread. A breaker that is not shared rings nobody, and one without listeners waits for no ring.
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
 * Reports transitions on each ring. It does not keep a breaker alive that nobody else uses. A transition by another thread belongs to no
 * call of this one, so listeners run in the async context in which listening began.
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
