import type { Channel } from 'node:diagnostics_channel'
import { builtins } from '../builtins.js'
import { checkFunction, checkOneOf } from '../options/validate.js'
import { type Clock, systemClock } from '../time/clock.js'
import { notify } from './listeners.js'

/**
 * The outcome of each call under a policy, as its caller sees it. Refusals are failures. So is a call whose signal was aborted; it is
 * reported once its function has ended.
 */
export interface CallEvents {
  /** The call gave a result. */
  success: CallSucceeded
  /** The call gave an error. */
  failure: CallFailed
}

/** A call under a policy has succeeded. */
export interface CallSucceeded {
  /** Milliseconds from the call of the policy to its answer, including waits, back-offs and all attempts. */
  readonly durationMs: number
}

/** A call under a policy has failed, or was refused. */
export interface CallFailed {
  /** The result or error that the caller gets. */
  readonly error: unknown
  /** As in {@link CallSucceeded}. */
  readonly durationMs: number
}

const CALL_EVENTS: readonly (keyof CallEvents)[] = ['success', 'failure']

/** Counts listeners for calls in this thread, across all policies. Most programs have none, and pay only for this check. */
class CallListeners {
  #count = 0

  get areThere(): boolean {
    return this.#count > 0
  }

  changeBy(change: 1 | -1): void {
    this.#count += change
  }
}

export const callListeners = new CallListeners()

/**
 * The events of one policy: listeners of that policy, and a `diagnostics_channel` for all policies of its kind. While
 * nobody listens, an event costs two comparisons; its payload is not even made. The ends of calls go only to listeners.
 */
export class EventSource<Events extends CallEvents> {
  readonly #kind: string
  readonly #name: string | null
  readonly #known: readonly (keyof Events & string)[]
  readonly #channel: Channel
  readonly #clock: Clock
  #listeners: Map<string, Set<(payload: never) => void>> | undefined = undefined
  #callListeners = 0

  /**
   * @param kind - of the policy; the channel is `amorsize:<kind>`
   * @param name - the policy's `name`, or null
   * @param own - the names of its events in addition to those of every policy
   * @param clock - the clock that times calls
   */
  constructor(kind: string, name: string | null, own: readonly (keyof Events & string)[], clock = systemClock) {
    this.#kind = kind
    this.#name = name
    this.#known = [...own, ...CALL_EVENTS]
    this.#clock = clock
    this.#channel = builtins.diagnosticsChannel.channel(`amorsize:${kind}`)
  }

  /** The `name` option of the policy, or null. */
  get name(): string | null {
    return this.#name
  }

  /** Whether this policy has a listener for `event`, by default for any event. The channel does not count: others share it. */
  hasListener(event?: keyof Events & string): boolean {
    return event === undefined ? this.#listeners !== undefined : this.#listeners?.has(event) === true
  }

  /** Whether there is a listener for the ends of calls. */
  get hearsCalls(): boolean {
    return this.#callListeners > 0
  }

  /** The time at which a call begins, for {@link EventSource.callEnded}. */
  now(): number {
    return this.#clock.now()
  }

  /** Reports the end of a call that began at `startedMs`. @param value - its result or its error */
  callEnded(startedMs: number, failed: boolean, value: unknown): void {
    const durationMs = this.#clock.now() - startedMs
    if (failed) this.#tell('failure', { error: value, durationMs })
    else this.#tell('success', { durationMs })
  }

  /** Whether anybody listens to events. Check it before making a payload. */
  get isHeard(): boolean {
    return this.#listeners !== undefined || this.#channel.hasSubscribers
  }

  /**
   * Adds a listener. One that throws changes no result; it is reported once as a process warning.
   *
   * @returns a function that removes it
   * @throws {RangeError} when there is no such event
   */
  on<K extends keyof Events & string>(event: K, listener: (payload: Events[K]) => void): () => void {
    checkOneOf('event', event, this.#known)
    checkFunction('listener', listener)
    const listeners = (this.#listeners ??= new Map<string, Set<(payload: never) => void>>())
    const ofEvent = listeners.get(event) ?? new Set()
    const isOfCalls = (CALL_EVENTS as readonly string[]).includes(event)
    if (isOfCalls && !ofEvent.has(listener)) this.#countCallListener(1)
    listeners.set(event, ofEvent.add(listener))
    return () => {
      if (ofEvent.delete(listener) && isOfCalls) this.#countCallListener(-1)
      if (ofEvent.size === 0 && listeners.get(event) === ofEvent) listeners.delete(event)
      if (listeners.size === 0 && this.#listeners === listeners) this.#listeners = undefined
    }
  }

  /** Reports an event to the listeners and the channel. */
  emit<K extends keyof Events & string>(event: K, payload: Events[K]): void {
    this.#tell(event, payload)
    if (this.#channel.hasSubscribers) this.#channel.publish({ ...payload, event, name: this.#name })
  }

  #tell<K extends keyof Events & string>(event: K, payload: Events[K]): void {
    const listeners = this.#listeners?.get(event)
    if (listeners === undefined) return
    for (const listener of listeners)
      notify(`'${event}' of ${this.#kind}`, listener as (payload: Events[K]) => void, payload)
  }

  #countCallListener(change: 1 | -1): void {
    this.#callListeners += change
    callListeners.changeBy(change)
  }
}
