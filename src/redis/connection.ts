import { once } from 'node:events'
import type { Script } from './script.js'

/** Runs scripts, each on one key, or on several keys that are on one server of a cluster. */
export interface Connection {
  /**
   * Rejects with the client's own error.
   *
   * @param isWanted - asked before the command is sent: if nobody waits for the answer any more, it would only cost tokens
   */
  run(script: Script, keys: readonly string[], values: readonly string[], isWanted: () => boolean): Promise<unknown>
  /** Which server of a cluster has a key, as far as the client knows: while one is away, others answer. Undefined if there is only one. */
  readonly serverOf?: ((key: string) => unknown) | undefined
  /** Scripts that were run, each with its server. Other servers may not know the script, or may not be connected yet. */
  readonly answered: Set<string>
  /** Closes the part that does not belong to a client. */
  close?(): void
}

/** Sends a script by its digest or as text. */
export type Run = (
  by: 'sha' | 'text',
  script: Script,
  keys: readonly string[],
  values: readonly string[],
) => Promise<unknown>

/** Resolves once commands can be sent; undefined if they can already. Rejects with the reason why they cannot. */
type Ready = () => Promise<void> | undefined

/** A server that does not know the script (it was restarted, or its scripts were flushed) gets its text. */
export function connection(run: Run, ready?: Ready, serverOf?: Connection['serverOf']): Connection {
  return {
    serverOf,
    answered: new Set(),
    async run(script, keys, values, isWanted) {
      const opening = ready?.()
      if (opening !== undefined) {
        await opening
        if (!isWanted()) throw new Error('the connection was there too late')
      }
      try {
        return await run('sha', script, keys, values)
      } catch (error) {
        if (!isNoScript(error) || !isWanted()) throw error
        return run('text', script, keys, values)
      }
    },
  }
}

/** Clients differ in the class of their errors, and GLIDE rewords the server's message. */
function isNoScript(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    /\bNO_?SCRIPT(?:ERROR)?\b/i.test(String(Reflect.get(error, 'message')))
  )
}

/** The part of a client that says when it is connected: an `EventEmitter`. */
export interface Telling {
  on(event: 'ready' | 'error' | 'end', listener: (error?: unknown) => void): unknown
  off(event: 'ready' | 'error' | 'end', listener: (error?: unknown) => void): unknown
}

/** Waits until a client is connected: it would keep commands and send them when nobody waits for them any more. An error ends the wait. */
export function onceReady(client: Telling, isOpening: () => boolean): Ready {
  let waiting: Promise<void> | undefined
  const wait = async (): Promise<void> => {
    const over = new AbortController()
    const heard = (event: string): Promise<unknown> => once(client as NodeJS.EventEmitter, event, over)
    try {
      await Promise.race([
        heard('ready'),
        heard('end').then(() => {
          throw new Error('the client was closed')
        }),
      ])
    } finally {
      waiting = undefined
      over.abort()
    }
  }
  return () => (isOpening() ? (waiting ??= wait()) : undefined)
}
