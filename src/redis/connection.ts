import { describe } from '../internal/validate.js'
import { GCRA, GCRA_SHA } from './gcra.js'

/** A client of ioredis or iovalkey, as far as it is used. */
export interface IoredisLike {
  readonly status: string
  evalsha(sha: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  duplicate(override?: object): IoredisLike
  disconnect(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
  once(event: 'ready', listener: () => void): unknown
}

/** A client of node-redis, a pool or a cluster of it, as far as it is used. */
export interface NodeRedisLike {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A client of @upstash/redis, as far as it is used. */
export interface UpstashLike {
  evalsha(sha: string, keys: string[], values: string[]): Promise<unknown>
  eval(script: string, keys: string[], values: string[]): Promise<unknown>
}

/** Anything that sends a command and gives its answer, e.g. over a client of your own. */
export interface CommandSender {
  /** @param key - the key the command is about: a cluster sends it where that is */
  send(command: string[], key: string): Promise<unknown>
}

/** What a {@link RedisRateLimiter} may be given: a client of ioredis, iovalkey, node-redis or @upstash/redis, or a sender of commands. */
export type RedisClient = IoredisLike | NodeRedisLike | UpstashLike | CommandSender

/** Runs the script of the limits. */
export interface Connection {
  /**
   * Rejects with the client's own error.
   *
   * @param isWanted - asked before the command is sent: one that nobody waits for any more would only cost tokens
   */
  run(key: string, values: readonly string[], isWanted: () => boolean): Promise<unknown>
  /** Ends a connection of its own; one that is shared stays. */
  close(): void
}

type Run = (script: 'sha' | 'text', key: string, values: readonly string[]) => Promise<unknown>

/**
 * Finds out by its methods what kind of client it is.
 *
 * @param isShared - whether to use the very connection; else an own one where the client can make it
 * @throws {TypeError} when it is none that is known
 */
export function connectionOf(client: RedisClient, isShared: boolean): Connection {
  const given = client as Partial<IoredisLike & NodeRedisLike & CommandSender> | null
  if (typeof given === 'object' || typeof given === 'function') {
    if (typeof given?.send === 'function') return throughSender(client as CommandSender)
    if (typeof given?.evalSha === 'function') return throughNodeRedis(client as NodeRedisLike, isShared)
    if (typeof given?.evalsha === 'function') {
      if (typeof given.status === 'string') return throughIoredis(client as IoredisLike, isShared)
      return throughUpstash(client as UpstashLike)
    }
  }
  throw new TypeError(
    `client must be a client of ioredis, iovalkey, node-redis or @upstash/redis, or an object with send(command, key); received ${describe(client)}`,
  )
}

interface OwnConnection {
  /** Resolves once commands can be sent; undefined where they can already. */
  readonly ready?: () => Promise<void> | undefined
  readonly close?: () => void
}

/** A server that does not know the script (it was restarted, or its scripts were flushed) gets its text once. */
function connection(run: Run, { ready, close = () => undefined }: OwnConnection = {}): Connection {
  return {
    async run(key, values, isWanted) {
      const opening = ready?.()
      if (opening !== undefined) {
        await opening
        if (!isWanted()) throw new Error('the connection was there too late')
      }
      try {
        return await run('sha', key, values)
      } catch (error) {
        if (!isNoScript(error) || !isWanted()) throw error
        return run('text', key, values)
      }
    },
    close,
  }
}

/** One promise for all that wait until a client is ready. */
function readiness(isReady: () => boolean, once: (listener: () => void) => void): () => Promise<void> | undefined {
  let opening: Promise<void> | undefined
  return () => {
    if (isReady()) return undefined
    return (opening ??= new Promise((resolve) =>
      once(() => {
        opening = undefined
        resolve()
      }),
    ))
  }
}

function isNoScript(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    String((error as { message?: unknown }).message).startsWith('NOSCRIPT')
  )
}

function throughIoredis(client: IoredisLike, isShared: boolean): Connection {
  const run = (to: IoredisLike): Run => {
    return (script, key, values) =>
      script === 'sha' ? to.evalsha(GCRA_SHA, 1, key, ...values) : to.eval(GCRA, 1, key, ...values)
  }
  if (isShared) return connection(run(client))
  // The client's own repeats would debit twice what was cut off, and its queue would send what nobody waits for any more.
  const own = client.duplicate({
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    lazyConnect: false,
  })
  // What is wrong with the connection is told by each command; without a listener the client prints it.
  own.on('error', () => undefined)
  return connection(run(own), {
    ready: readiness(
      () => own.status === 'ready',
      (listener) => own.once('ready', listener),
    ),
    close: () => own.disconnect(),
  })
}

/** A client of node-redis by itself, which a pool or a cluster is not. */
interface NodeRedisClient extends NodeRedisLike {
  readonly isOpen: boolean
  readonly isReady: boolean
  duplicate(overrides?: object): NodeRedisClient
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
  once(event: 'ready', listener: () => void): unknown
}

function throughNodeRedis(client: NodeRedisLike, isShared: boolean): Connection {
  const single = client as Partial<NodeRedisClient>
  const canDuplicate = typeof single.duplicate === 'function' && typeof single.destroy === 'function'
  if (isShared || !canDuplicate) return connection(nodeRedisRun(client))
  const own = (client as NodeRedisClient).duplicate({ disableOfflineQueue: true })
  own.on('error', () => undefined)
  // Each command says that there is no connection, if so; the client goes on trying by itself.
  own.connect().catch(() => undefined)
  return connection(nodeRedisRun(own), {
    ready: readiness(
      () => own.isReady,
      (listener) => own.once('ready', listener),
    ),
    close: () => {
      if (own.isOpen) own.destroy()
    },
  })
}

function nodeRedisRun(client: NodeRedisLike): Run {
  return (script, key, values) => {
    const options = { keys: [key], arguments: [...values] }
    return script === 'sha' ? client.evalSha(GCRA_SHA, options) : client.eval(GCRA, options)
  }
}

function throughUpstash(client: UpstashLike): Connection {
  return connection((script, key, values) =>
    script === 'sha' ? client.evalsha(GCRA_SHA, [key], [...values]) : client.eval(GCRA, [key], [...values]),
  )
}

function throughSender(client: CommandSender): Connection {
  return connection((script, key, values) =>
    client.send(
      script === 'sha' ? ['EVALSHA', GCRA_SHA, '1', key, ...values] : ['EVAL', GCRA, '1', key, ...values],
      key,
    ),
  )
}
