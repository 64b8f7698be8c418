import { TimeoutExceededError } from '../errors.js'
import { warnOfRefusal, withoutPassword } from '../internal/server-error.js'
import type { Clock } from '../internal/time/clock.js'
import { realSetImmediate } from '../internal/time/real-timers.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/time/timers.js'
import type { Connection } from './connection.js'
import { GCRA_SCRIPT, type GcraAnswer, type GcraRequest, gcraArguments, readGcraAnswers } from './gcra.js'
import type { Script } from './script.js'
import { CONNECT_MS } from './server-options.js'

/** While the server is away, one call in this many milliseconds tries it; the others are answered immediately. */
export const PROBE_MS = 200

/** The server could not be asked, or did not answer in time. */
export class Unavailable {
  /** @param nextProbeMs - milliseconds until somebody tries again */
  constructor(
    readonly error: unknown,
    readonly nextProbeMs: number,
  ) {}
}

/** How a server is asked. */
export interface ServerOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly connectTimeoutMs?: number
}

/** Why a server is away, and when somebody tries again. */
interface Failure {
  readonly error: unknown
  nextProbeMs: number
}

/** Asks the server of a limit, or those of a cluster, with a deadline. It remembers which server is away, so that not every call waits for it. */
export class LimitServer {
  readonly connection: Connection
  readonly #options: ServerOptions
  readonly #timers: SharedTimers
  /** Servers that are away, by the names that the connection gives them. */
  readonly #failures = new Map<unknown, Failure>()
  /** Kinds of errors that were reported. */
  readonly #warnedOf = new Set<string>()
  /** Questions asked so far. */
  roundTrips = 0

  constructor(connection: Connection, options: ServerOptions) {
    this.connection = connection
    this.#options = options
    this.#timers = timersOf(options.clock)
  }

  /** How long a question about a key may take: longer until its server has run the script once, or was found to be away. */
  limitMs(key: string, script = GCRA_SCRIPT): number {
    const where = this.connection.serverOf?.(key)
    const { timeoutMs, connectTimeoutMs = CONNECT_MS } = this.#options
    const isKnown = this.#failures.has(where) || this.connection.answered.has(`${script.sha} ${String(where)}`)
    return isKnown ? timeoutMs : Math.max(timeoutMs, connectTimeoutMs)
  }

  /** Asks for tokens. If the server is known to be away, the answer comes immediately. Never rejects. */
  async ask(key: string, request: GcraRequest): Promise<GcraAnswer | Unavailable> {
    const answers = await this.askAll([{ key, ...request }])
    return answers instanceof Unavailable ? answers : (answers[0] as GcraAnswer)
  }

  /** Asks for tokens of several limits, all or nothing. Never rejects. */
  askAll(questions: readonly (GcraRequest & { readonly key: string })[]): Promise<GcraAnswer[] | Unavailable> {
    const keys = questions.map(({ key }) => key)
    const read = (answer: unknown): GcraAnswer[] => readGcraAnswers(answer, keys.length)
    return this.run(GCRA_SCRIPT, keys, questions.flatMap(gcraArguments), read)
  }

  /**
   * Runs a script. If the server is known to be away, the answer comes immediately. Never rejects.
   *
   * @param read - reads the server's answer; if it throws, the server counts as away
   */
  async run<T>(
    script: Script,
    keys: readonly string[],
    values: readonly string[],
    read: (answer: unknown) => T,
  ): Promise<T | Unavailable> {
    const { clock, timeoutMs } = this.#options
    const nowMs = clock.now()
    const where = this.connection.serverOf?.(keys[0] as string)
    const failure = this.#failures.get(where)
    if (failure !== undefined) {
      if (nowMs < failure.nextProbeMs) return new Unavailable(failure.error, failure.nextProbeMs - nowMs)
      failure.nextProbeMs = nowMs + PROBE_MS + timeoutMs
    }
    this.roundTrips++
    try {
      const answer = read(await this.#inTime(script, keys, values))
      this.connection.answered.add(`${script.sha} ${String(where)}`)
      this.#failures.delete(where)
      return answer
    } catch (thrown) {
      const error = withoutPassword(thrown)
      this.#failures.set(where, { error, nextProbeMs: clock.now() + PROBE_MS })
      warnOfRefusal(error, 'a rate limit', this.#warnedOf)
      return new Unavailable(error, PROBE_MS)
    }
  }

  close(): void {
    this.connection.close?.()
  }

  /** A late answer is ignored: nobody knows whether the server has taken tokens, so they are given up. */
  #inTime(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    const timeoutMs = this.limitMs(keys[0] as string, script)
    return new Promise((resolve, reject) => {
      const limit = new TimeLimit(this.#timers, timeoutMs, () =>
        reject(
          new TimeoutExceededError(`the server of the rate limit did not answer within ${timeoutMs} ms`, { timeoutMs }),
        ),
      )
      this.connection
        .run(script, keys, values, () => !limit.isOver)
        .finally(() => limit.end())
        .then(resolve, reject)
    })
  }
}

/**
 * A time limit consists of this many parts, one after the other. If the event loop is blocked, or the process gets no processor, one part ends
 * and not all: an answer that arrived meanwhile is not late.
 */
const PARTS = 4

/** A time limit for an answer. Only time in which this thread could receive the answer counts. */
class TimeLimit implements DueTimer {
  due = 0
  order = 0
  heapIndex = -1
  /** Whether the time is up. */
  isOver = false
  readonly #timers: SharedTimers
  readonly #partMs: number
  readonly #exceeded: () => void
  #left = PARTS
  #hasEnded = false

  /** @param exceeded - called when the time is up, unless `end` was called before */
  constructor(timers: SharedTimers, ms: number, exceeded: () => void) {
    this.#timers = timers
    this.#partMs = ms / PARTS
    this.#exceeded = exceeded
    timers.add(this, this.#partMs)
  }

  run(): void {
    if (--this.#left > 0) {
      this.#timers.add(this, this.#partMs)
      return
    }
    // Timers run before sockets are read: an answer that has arrived already is read first.
    realSetImmediate(() => {
      if (this.#hasEnded) return
      this.isOver = true
      this.#exceeded()
    })
  }

  /** The answer has arrived. */
  end(): void {
    this.#hasEnded = true
    this.#timers.remove(this)
  }
}
