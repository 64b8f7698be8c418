import { randomUUID } from 'node:crypto'
import { BroadcastChannel } from 'node:worker_threads'
import { messageOf } from '../internal/text/error-text.js'
import { machineNow } from '../internal/time/clock.js'
import type { Connection } from './connection.js'
import { GCRA_SCRIPT } from './gcra.js'
import { WINDOW_SCRIPT } from './window-script.js'

/** A question of a thread without a client. */
interface Question {
  readonly id: string
  readonly script: 'gcra' | 'window'
  readonly keys: readonly string[]
  readonly values: readonly string[]
  /** After this time nobody waits for the answer, by the clock that all threads share. */
  readonly deadlineMs: number
}

/** Every thread receives it. Of an error only the text is sent: its class would be lost. */
interface Answer {
  readonly id: string
  readonly value?: unknown
  readonly error?: string
}

type Message = { readonly data: Question | Answer }

/** Asks the server for threads without a client, over the connection of this thread. */
export class Relay {
  /** The name by which other threads of the process find it. */
  readonly name = `amorsize.redis.${randomUUID()}`
  readonly #channel = new BroadcastChannel(this.name)
  #isClosed = false

  constructor(connection: Connection) {
    this.#channel.onmessage = (message) => {
      const { data } = message as Message
      if ('script' in data) void this.#answer(connection, data)
    }
    this.#channel.unref()
  }

  async #answer(connection: Connection, { id, script, keys, values, deadlineMs }: Question): Promise<void> {
    const isWanted = (): boolean => machineNow() < deadlineMs
    // This thread may have been busy: no tokens are taken if nobody waits for them any more.
    if (!isWanted()) return
    const answer = await connection.run(script === 'gcra' ? GCRA_SCRIPT : WINDOW_SCRIPT, keys, values, isWanted).then(
      (value): Answer => ({ id, value }),
      (error: unknown): Answer => ({ id, error: messageOf(error) }),
    )
    if (!this.#isClosed) this.#channel.postMessage(answer)
  }

  close(): void {
    this.#isClosed = true
    this.#channel.close()
  }
}

/**
 * A connection through the thread that has the client. If that thread has ended or is busy, there is no answer, as if the server were away.
 *
 * @param limitMs - how long callers wait for an answer about a key
 */
export function throughRelay(name: string, limitMs: (key: string) => number): Connection {
  const channel = new BroadcastChannel(name)
  const waiting = new Map<string, { settle: (answer: Answer) => void; isWanted: () => boolean }>()
  channel.onmessage = (message) => {
    const { data } = message as Message
    if (!('script' in data)) waiting.get(data.id)?.settle(data)
  }
  channel.unref()
  return {
    answered: new Set(),
    run(script, keys, values, isWanted) {
      // Forget questions that were not answered in time: their callers have given up.
      for (const [old, one] of waiting) {
        if (one.isWanted()) break
        waiting.delete(old)
      }
      const id = randomUUID()
      const deadlineMs = machineNow() + limitMs(keys[0] as string)
      return new Promise((resolve, reject) => {
        const settle = ({ value, error }: Answer): void => {
          waiting.delete(id)
          if (error === undefined) resolve(value)
          else reject(new Error(error))
        }
        waiting.set(id, { settle, isWanted })
        const question = { id, script: script === GCRA_SCRIPT ? 'gcra' : 'window', keys, values, deadlineMs } as const
        channel.postMessage(question satisfies Question)
      })
    },
    close: () => channel.close(),
  }
}
