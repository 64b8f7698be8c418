import { notify } from '../../internal/events/listeners.js'
import { nativeAddon } from '../../internal/native.js'
import { realClearInterval, realSetInterval } from '../../internal/time/real-timers.js'

declare module '../../internal/native.js' {
  /** The functions of native/binding/doorbell.cc. */
  interface NativeAddon {
    doorbellOpen(callback: () => void, resource: { hasRef(): boolean }): number
    doorbellHold(id: number, on: boolean): void
    doorbellRing(id: number): void
    doorbellRingOthers(id: number): void
  }
}

/** How often listeners are called without the addon, since nothing rings then. */
const POLL_MS = 5

/** A doorbell that no thread has. */
export const NO_DOORBELL = 0

/** The doorbell of this copy of the package in this thread, with its listeners. */
class Doorbell {
  readonly #listeners = new Set<() => void>()
  #id: number | undefined = undefined
  #poll: NodeJS.Timeout | undefined = undefined
  #holders = 0
  /** The resource that async_hooks shows. Tools such as Jest ask it whether it keeps the process alive. */
  readonly #resource = { hasRef: (): boolean => this.#holders > 0 }

  /** The id by which others ring; {@link NO_DOORBELL} without the addon. Exists until this copy is collected or the thread ends. */
  get id(): number {
    return (this.#id ??= nativeAddon()?.doorbellOpen(this.answer, this.#resource) ?? NO_DOORBELL)
  }

  /**
   * Calls `listener` in this thread soon after another thread has rung. The listener must find out by itself whether there is anything
   * to do, and may be called for nothing. It does not keep the process alive.
   *
   * @returns a function that removes the listener
   */
  onRing(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.id === NO_DOORBELL) this.#startPolling()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stopPolling()
    }
  }

  /**
   * Keeps this thread alive, because a caller in it waits for something that only another thread can give. It ends when
   * {@link Doorbell.letGo} has been called as often. There must be a listener.
   */
  hold(): void {
    if (this.#holders++ === 0) this.#setHeld(true)
  }

  letGo(): void {
    if (--this.#holders === 0) this.#setHeld(false)
  }

  /** Calls the listeners of this thread now. */
  readonly answer = (): void => {
    for (const listener of this.#listeners) notify('of a doorbell', listener)
  }

  #setHeld(on: boolean): void {
    if (this.id !== NO_DOORBELL) nativeAddon()?.doorbellHold(this.id, on)
    else if (on) this.#poll?.ref()
    else this.#poll?.unref()
  }

  #startPolling(): void {
    if (this.#poll !== undefined) return
    this.#poll = realSetInterval(this.answer, POLL_MS)
    if (this.#holders === 0) this.#poll.unref()
  }

  #stopPolling(): void {
    realClearInterval(this.#poll)
    this.#poll = undefined
  }
}

export const doorbell = new Doorbell()

/** Wakes the thread of doorbell `id`; nothing happens if it has ended. Cost: a few microseconds, less while a ring is unanswered. */
export function ring(id: number): void {
  nativeAddon()?.doorbellRing(id)
}

/** Wakes every other thread of the process that has a doorbell. */
export function ringOthers(): void {
  nativeAddon()?.doorbellRingOthers(doorbell.id)
}
