import type { Script } from './script.js'

/** Runs scripts, each about one key. */
export interface Connection {
  /**
   * Rejects with the client's own error.
   *
   * @param isWanted - asked before the command is sent: one that nobody waits for any more would only cost tokens
   */
  run(script: Script, key: string, values: readonly string[], isWanted: () => boolean): Promise<unknown>
  /** Which server of a cluster has a key, as far as the client knows: others answer while one is away. Undefined where there is but one. */
  readonly serverOf?: ((key: string) => unknown) | undefined
  /** Scripts that were run over it, each with its server: others may still have to learn it, or to be connected to. */
  readonly answered: Set<string>
  /** Ends a connection of its own; one that is shared stays. */
  close(): void
}

/** Sends a script by its digest, or its text. */
export type Run = (by: 'sha' | 'text', script: Script, key: string, values: readonly string[]) => Promise<unknown>

/** A connection that a limiter has made for itself. */
export interface OwnConnection {
  /** Resolves once commands can be sent; undefined where they can already. Rejects with what is in the way. */
  readonly ready: () => Promise<void> | undefined
  readonly close: () => void
}

/** A server that does not know the script (it was restarted, or its scripts were flushed) gets its text once. */
export function connection(run: Run, own?: OwnConnection, serverOf?: Connection['serverOf']): Connection {
  return {
    serverOf,
    answered: new Set(),
    async run(script, key, values, isWanted) {
      const opening = own?.ready()
      if (opening !== undefined) {
        await opening
        if (!isWanted()) throw new Error('the connection was there too late')
      }
      try {
        return await run('sha', script, key, values)
      } catch (error) {
        if (!isNoScript(error) || !isWanted()) throw error
        return run('text', script, key, values)
      }
    },
    close: () => own?.close(),
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

/** One promise for all that wait until a client is ready; what goes wrong meanwhile ends their wait. */
export class Opening {
  readonly #isReady: () => boolean
  #waiting: PromiseWithResolvers | undefined = undefined

  constructor(isReady: () => boolean) {
    this.#isReady = isReady
  }

  readonly ready = (): Promise<void> | undefined => {
    if (this.#isReady()) return undefined
    return (this.#waiting ??= withResolvers()).promise
  }

  opened(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  failed(error: unknown): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved
    reject = rejected
  })
  return { promise, resolve, reject }
}
