import { once } from 'node:events'
import type { Script } from './script.js'

/** Runs scripts, each about one key, or several that a cluster has in one place. */
export interface Connection {
  /**
   * Rejects with the client's own error.
   *
   * @param isWanted - asked before the command is sent: one that nobody waits for any more would only cost tokens
   */
  run(script: Script, keys: readonly string[], values: readonly string[], isWanted: () => boolean): Promise<unknown>
  /** Which server of a cluster has a key, as far as the client knows: others answer while one is away. Undefined where there is but one. */
  readonly serverOf?: ((key: string) => unknown) | undefined
  /** Scripts that were run over it, each with its server: others may still have to learn it, or to be connected to. */
  readonly answered: Set<string>
  /** Ends what is no client's. */
  close?(): void
}

/** Sends a script by its digest, or its text. */
export type Run = (
  by: 'sha' | 'text',
  script: Script,
  keys: readonly string[],
  values: readonly string[],
) => Promise<unknown>

/** Resolves once commands can be sent; undefined where they can already. Rejects with what is in the way. */
type Ready = () => Promise<void> | undefined

/** A server that does not know the script (it was restarted, or its scripts were flushed) gets its text once. */
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

/** Clients differ in the class of their errors, and GLIDE has words of its own for what the server has said. */
function isNoScript(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    /\bNO_?SCRIPT(?:ERROR)?\b/i.test(String(Reflect.get(error, 'message')))
  )
}

/** A client, as far as it says when it is connected: an `EventEmitter`. */
export interface Telling {
  on(event: 'ready' | 'error' | 'end', listener: (error?: unknown) => void): unknown
  off(event: 'ready' | 'error' | 'end', listener: (error?: unknown) => void): unknown
}

/** Has a client connect before it is given commands: it would send those later, when nobody waits for them. An error ends the wait. */
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
