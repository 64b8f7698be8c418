import { describe } from '../internal/options/validate.js'
import { connection, type Connection, Opening, type Run } from './connection.js'
import { type NodeRedisLike, throughNodeRedis } from './node-redis.js'
import { serverOf } from './slot.js'

export type { NodeRedisLike } from './node-redis.js'

/** A client of ioredis or iovalkey, or a cluster of them, as far as it is used. */
export interface IoredisLike {
  readonly status: string
  readonly options?: { readonly keyPrefix?: string | undefined } | undefined
  evalsha(sha: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  duplicate(...override: never[]): IoredisLike
  disconnect(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'ready', listener: () => void): unknown
}

/** A client of @upstash/redis, as far as it is used. */
export interface UpstashLike {
  evalsha(sha: string, keys: string[], values: string[]): Promise<unknown>
  eval(script: string, keys: string[], values: string[]): Promise<unknown>
}

/** A client of Valkey GLIDE, or a cluster of it, as far as it is used. */
export interface GlideLike {
  customCommand(command: string[]): Promise<unknown>
}

/** Anything that sends a command and gives its answer, e.g. over a client of your own. */
export interface CommandSender {
  /** @param key - the key the command is about: a cluster sends it where that is */
  send(command: string[], key: string): Promise<unknown>
}

/** What a limiter may be given: a client of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or a sender of commands. */
export type RedisClient = IoredisLike | NodeRedisLike | UpstashLike | GlideLike | CommandSender

/** Makes a connection of a client. `isShared`: the very connection of the client; else an own one where it can make it. */
type Opener = (isShared: boolean) => Connection

/** Finds out by its methods what kind of client it is. @throws {TypeError} when it is none that is known */
function openerOf(client: unknown): Opener {
  const given = client as Partial<IoredisLike & NodeRedisLike & CommandSender & GlideLike> | null
  if (typeof given === 'object' || typeof given === 'function') {
    if (typeof given?.send === 'function') return () => throughSender(client as CommandSender)
    if (typeof given?.customCommand === 'function') return () => throughGlide(client as GlideLike)
    if (typeof given?.evalSha === 'function') return (isShared) => throughNodeRedis(client as NodeRedisLike, isShared)
    if (typeof given?.evalsha === 'function') {
      if (typeof given.status === 'string') return (isShared) => throughIoredis(client as IoredisLike, isShared)
      return () => throughUpstash(client as UpstashLike)
    }
  }
  throw new TypeError(
    `client must be a client of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with send(command, key); received ${describe(client)}`,
  )
}

/** @throws {TypeError} when it is no client that is known */
export function checkClient(client: unknown): void {
  openerOf(client)
}

/** By client: connections made from it, or its very own, and who has them. */
const made = new WeakMap<object, { readonly connection: Connection; readonly users: Set<object> }>()
const shared: typeof made = new WeakMap()

/**
 * The connection of all limiters and stores of a client; the last that closes it ends it.
 *
 * @param isShared - whether to use the very connection; else an own one where the client can make it
 * @throws {TypeError} when it is no client that is known
 */
export function connectionOf(client: RedisClient, isShared: boolean): Connection {
  const known = isShared ? shared : made
  const { connection, users } = known.get(client) ?? { connection: openerOf(client)(isShared), users: new Set() }
  known.set(client, { connection, users })
  const user = {
    ...connection,
    close() {
      if (!users.delete(user) || users.size > 0) return
      known.delete(client)
      connection.close()
    },
  }
  users.add(user)
  return user
}

/** The longest pause between two tries to connect, so that a server is noticed soon that is back. */
const MOST_PAUSE_MS = 500

/** The client's own repeats would debit twice what was cut off, and its queue would send what nobody waits for any more. */
const WITHOUT_REPEATS = { maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResendUnfulfilledCommands: false }

function throughIoredis(client: IoredisLike, isShared: boolean): Connection {
  const run = (to: IoredisLike): Run => {
    return (by, { sha, text }, key, values) =>
      by === 'sha' ? to.evalsha(sha, 1, key, ...values) : to.eval(text, 1, key, ...values)
  }
  const placeIn = (cluster: object) => (key: string) => serverOf(cluster, `${client.options?.keyPrefix ?? ''}${key}`)
  if (isShared) return connection(run(client), undefined, placeIn(client))
  const own = duplicateOf(client)
  const opening = new Opening(() => own.status === 'ready')
  own.on('ready', () => opening.opened())
  // Without a listener the client prints its errors.
  own.on('error', (error) => opening.failed(error))
  return connection(run(own), { ready: opening.ready, close: () => own.disconnect() }, placeIn(own))
}

function duplicateOf(client: IoredisLike): IoredisLike {
  const isCluster = (client as { isCluster?: unknown }).isCluster === true
  const duplicate = client.duplicate.bind(client) as (...override: unknown[]) => IoredisLike
  // Before version 6 what is given takes the place of the client's own, its password among them.
  const { redisOptions } = (client as { options?: { redisOptions?: object } }).options ?? {}
  return isCluster
    ? duplicate([], {
        redisOptions: { ...redisOptions, ...WITHOUT_REPEATS },
        enableOfflineQueue: false,
        lazyConnect: false,
      })
    : duplicate({
        ...WITHOUT_REPEATS,
        lazyConnect: false,
        retryStrategy: (tries: number) => Math.min(50 * tries, MOST_PAUSE_MS),
      })
}

function throughUpstash(client: UpstashLike): Connection {
  return connection((by, { sha, text }, key, values) =>
    by === 'sha' ? client.evalsha(sha, [key], [...values]) : client.eval(text, [key], [...values]),
  )
}

function throughGlide(client: GlideLike): Connection {
  return connection((...question) => client.customCommand(commandOf(...question)))
}

function throughSender(client: CommandSender): Connection {
  return connection((by, script, key, values) => client.send(commandOf(by, script, key, values), key))
}

function commandOf(...[by, { sha, text }, key, values]: Parameters<Run>): string[] {
  return by === 'sha' ? ['EVALSHA', sha, '1', key, ...values] : ['EVAL', text, '1', key, ...values]
}
