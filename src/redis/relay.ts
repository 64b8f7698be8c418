import { randomUUID } from 'node:crypto'
import { BroadcastChannel } from 'node:worker_threads'
import { messageOf } from '../internal/text/error-text.js'
import { machineNow } from '../internal/time/clock.js'
import type { Connection } from './connection.js'
import { GCRA_SCRIPT } from './gcra.js'
import { WINDOW_SCRIPT } from './window-script.js'

/** A question of a thread without a client. */
interface Question {
  readonly from: string
  readonly id: number
  /** The digest of the script. */
  readonly sha: string
  readonly keys: readonly string[]
  readonly values: readonly string[]
  /** After it nobody waits for the answer, on the clock that all threads have. */
  readonly deadlineMs: number
}

interface Answer {
  readonly to: string
  readonly id: number
  readonly value?: unknown
  /** What went wrong, as text: an error's class would not survive the way. */
  readonly error?: string
}

/** A question under way. */
interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly isWanted: () => boolean
}

type Message = { readonly data: Question | Answer }

/** What may be asked for by its digest. */
const SCRIPTS = new Map([GCRA_SCRIPT, WINDOW_SCRIPT].map((script) => [script.sha, script]))

/** Asks the server for threads that have no client, over the connection of the thread that has. */
export class Relay {
  /** By which other threads of the process find it. */
  readonly name = `amorsize.redis.${randomUUID()}`
  readonly #channel = new BroadcastChannel(this.name)
  readonly #connection: Connection
  #isClosed = false

  constructor(connection: Connection) {
    this.#connection = connection
    this.#channel.onmessage = (message) => {
      const { data } = message as Message
      if ('from' in data) void this.#answer(data)
    }
    this.#channel.unref()
  }

  async #answer({ from, id, sha, keys, values, deadlineMs }: Question): Promise<void> {
    const isWanted = (): boolean => machineNow() < deadlineMs
    // This thread may have been busy: tokens that nobody waits for any more are not taken.
    if (!isWanted()) return
    const script = SCRIPTS.get(sha)
    const answer: Partial<Answer> =
      script === undefined
        ? { error: `the thread that was asked has another version of this package: it knows no script ${sha}` }
        : await this.#connection.run(script, keys, values, isWanted).then(
            (value) => ({ value }),
            (error: unknown) => ({ error: messageOf(error) }),
          )
    if (!this.#isClosed) this.#channel.postMessage({ to: from, id, ...answer } satisfies Answer)
  }

  close(): void {
    this.#isClosed = true
    this.#channel.close()
  }
}

/**
 * A connection by way of the thread that has the client. Where that has gone, or is busy, there is no answer, as from a server that is away.
 *
 * @param limitMs - how long an answer about a key is waited for
 */
export function throughRelay(name: string, limitMs: (key: string) => number): Connection {
  const from = randomUUID()
  const channel = new BroadcastChannel(name)
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  channel.onmessage = (message) => {
    const { data } = message as Message
    if (!('to' in data) || data.to !== from) return
    const one = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.error === undefined) one?.resolve(data.value)
    else one?.reject(new Error(data.error))
  }
  channel.unref()
  return {
    answered: new Set(),
    run({ sha }, keys, values, isWanted) {
      const id = ++lastId
      const deadlineMs = machineNow() + limitMs(keys[0] as string)
      // Those who asked have given up what was not answered in time.
      for (const [old, one] of waiting) {
        if (one.isWanted()) break
        waiting.delete(old)
      }
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject, isWanted })
        channel.postMessage({ from, id, sha, keys, values, deadlineMs } satisfies Question)
      })
    },
    close: () => channel.close(),
  }
}
