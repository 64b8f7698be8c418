import type { TracingChannel } from 'node:diagnostics_channel'
import { builtins } from './builtins.js'

/**
 * What begins and ends, for tools that trace: a `TracingChannel` of node:diagnostics_channel, with `start`, `end`, `asyncStart`, `asyncEnd`
 * and `error`. Messages carry the context, and in the end `result` or `error`.
 */
class Tracing {
  readonly #name: string
  #channel: TracingChannel<unknown, object> | undefined = undefined

  /** @param name - the channels are `tracing:amorsize:<name>:start` and so on */
  constructor(name: string) {
    this.#name = name
  }

  /** Whether anybody listens. Ask before making anything for them. */
  get isOn(): boolean {
    return (this.#channel ??= this.#open()).hasSubscribers
  }

  /** Runs `work` and tells of its beginning and its end; what comes of it comes through unchanged. */
  trace<T>(context: object, work: () => Promise<T>): Promise<T> {
    return (this.#channel ??= this.#open()).tracePromise(work, context)
  }

  #open(): TracingChannel<unknown, object> {
    return builtins.diagnosticsChannel.tracingChannel(`amorsize:${this.#name}`)
  }
}

/** Calls under a policy, where it is the outermost: its `execute`, or a function that it guards. */
export const policyCalls = new Tracing('policy')

/** Runs of `execute`, `stream` and plans. */
export const runs = new Tracing('execute')
