import type { Channel } from 'node:diagnostics_channel'
import { builtins } from '../builtins.js'
import { checkFunction, checkOneOf } from '../options/validate.js'
import { type Clock, systemClock } from '../time/clock.js'
import { notify } from './listeners.js'

/**
 * How each call under a policy ends, as its caller sees it: refusals are failures, and so is a call whose signal was aborted, which is
 * reported once its function has ended.
 */
export interface CallEvents {
  /** It gave a result. */
  success: CallSucceeded
  /** It gave an error. */
  failure: CallFailed
}

/** A call under a policy has succeeded. */
export interface CallSucceeded {
  /** From when the policy was asked until it gave its answer: waits, back-offs and all attempts included. */
  readonly durationMs: number
}

/** A call under a policy has failed, or was refused. */
export interface CallFailed {
  /** The result or error that the caller gets. */
  readonly error: unknown
  /** As of {@link CallSucceeded}. */
  readonly durationMs: number
}

const CALL_EVENTS: readonly (keyof CallEvents)[] = ['success', 'failure']

/** Listeners of calls in this thread, over all policies: most programs have none, and pay for a look at this alone. */
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
 * nobody listens, an event costs two comparisons; its payload is not even made. The ends of calls are reported to listeners only.
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
   * @param own - the names of its events beside those of every policy
   * @param clock - which calls are timed by
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

  /** Whether this policy has a listener of `event`; of any event by default. The channel is every policy's, so it does not count. */
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

  /** Tells how a call ended that began at `startedMs`. @param value - what it gave, or its error */
  callEnded(startedMs: number, failed: boolean, value: unknown): void {
    const durationMs = this.#clock.now() - startedMs
    if (failed) this.#tell('failure', { error: value, durationMs })
    else this.#tell('success', { durationMs })
  }

  /** Whether an event has a listener. Ask before making a payload. */
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

  /** Tells the listeners and the channel. */
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
