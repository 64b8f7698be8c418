import type { TracingChannel } from 'node:diagnostics_channel'
import { diagnostics } from './diagnostics.js'

/**
 * Reports the beginning and end of calls to tracing tools, by a `TracingChannel` of node:diagnostics_channel with `start`, `end`,
 * `asyncStart`, `asyncEnd` and `error`. Messages carry the context and, at the end, `result` or `error`.
 */
class Tracing {
  readonly #name: string
  #channel: TracingChannel<unknown, object> | undefined = undefined

  /** @param name - the channels are `tracing:amorsize:<name>:start` and so on */
  constructor(name: string) {
    this.#name = name
  }

  /** Whether anybody listens. Check it before making anything for them. */
  get isOn(): boolean {
    return (this.#channel ?? this.#open())?.hasSubscribers === true
  }

  /** Runs `work` and reports its beginning and its end; its result or error comes through unchanged. */
  trace<T>(context: object, work: () => Promise<T>): Promise<T> {
    const channel = this.#channel ?? this.#open()
    return channel === undefined ? work() : channel.tracePromise(work, context)
  }

  #open(): TracingChannel<unknown, object> | undefined {
    return (this.#channel = diagnostics.loaded?.tracingChannel(`amorsize:${this.#name}`))
  }
}

/** Calls under an outermost policy: by its `execute`, or of a function that it guards. */
export const policyCalls = new Tracing('policy')

/** Passed to a policy inside another one, which has reported the call: the inner one must not report it again. */
export const INSIDE = Symbol('amorsize.inside')

/** Runs of `execute`, `stream` and plans. */
export const runs = new Tracing('execute')
