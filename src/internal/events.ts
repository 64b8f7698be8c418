import type { Channel } from 'node:diagnostics_channel'
import { builtins } from './builtins.js'
import { notify } from './listeners.js'
import { checkFunction, checkOneOf } from './validate.js'

/** What is published on `amorsize:<kind>`: the event's own fields, its name, and who sent it. */
export type ChannelMessage<Payload> = Payload & {
  readonly event: string
  /** The `name` option of the policy, or null. */
  readonly name: string | null
}

/**
 * The events of one policy: listeners of that policy, and a `diagnostics_channel` for all policies of its kind. While
 * nobody listens, an event costs two comparisons; its payload is not even made.
 */
export class EventSource<Events extends object> {
  readonly #kind: string
  readonly #name: string | null
  readonly #known: readonly (keyof Events & string)[]
  readonly #channel: Channel
  #listeners: Map<string, Set<(payload: never) => void>> | undefined = undefined

  /**
   * @param kind - of the policy; the channel is `amorsize:<kind>`
   * @param name - the policy's `name`, or null
   * @param known - the names of all events
   */
  constructor(kind: string, name: string | null, known: readonly (keyof Events & string)[]) {
    this.#kind = kind
    this.#name = name
    this.#known = known
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

  /** Whether anybody would hear an event. Ask before making a payload. */
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
    listeners.set(event, ofEvent.add(listener))
    return () => {
      ofEvent.delete(listener)
      if (ofEvent.size === 0 && listeners.get(event) === ofEvent) listeners.delete(event)
      if (listeners.size === 0 && this.#listeners === listeners) this.#listeners = undefined
    }
  }

  /** Tells the listeners and the channel. */
  emit<K extends keyof Events & string>(event: K, payload: Events[K]): void {
    const listeners = this.#listeners?.get(event)
    if (listeners !== undefined) {
      for (const listener of listeners)
        notify(`'${event}' of ${this.#kind}`, listener as (payload: Events[K]) => void, payload)
    }
    if (this.#channel.hasSubscribers) this.#channel.publish({ ...payload, event, name: this.#name })
  }
}
