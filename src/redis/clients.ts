import { describe } from '../internal/options/validate.js'
import { connection, type Connection, onceReady, type Run, type Telling } from './connection.js'
import { serverOf } from './slot.js'

/** The part of a client of ioredis or iovalkey, or of their clusters, that is used. */
export interface IoredisLike extends Telling {
  readonly status: string
  readonly options?: { readonly keyPrefix?: string | undefined } | undefined
  evalsha(sha: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** The part of a client, a pool or a cluster of node-redis that is used. */
export interface NodeRedisLike {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A single client of node-redis, which says whether it is connected. A cluster or a pool connects by itself. */
interface NodeRedisClient extends NodeRedisLike, Telling {
  readonly isOpen?: boolean
  readonly isReady?: boolean
  withCommandOptions?(options: { timeout: undefined }): NodeRedisLike
}

/** The part of a client of @upstash/redis that is used. */
export interface UpstashLike {
  evalsha(sha: string, keys: string[], values: string[]): Promise<unknown>
  eval(script: string, keys: string[], values: string[]): Promise<unknown>
}

/** The part of a client or a cluster of Valkey GLIDE that is used. */
export interface GlideLike {
  customCommand(command: string[]): Promise<unknown>
}

/** Anything that sends a command and returns the answer, e.g. over a client of your own. */
export interface CommandSender {
  /** @param key - the key of the command, by which a cluster chooses the server */
  send(command: string[], key: string): Promise<unknown>
}

/** A client for a limiter: of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or a sender of commands. */
export type RedisClient = IoredisLike | NodeRedisLike | UpstashLike | GlideLike | CommandSender

/** The connection of each client, for all limiters and stores that use the client. */
const known = new WeakMap<object, Connection>()

/** @throws {TypeError} if the client is of no known kind */
export function connectionOf(client: unknown): Connection {
  const found = known.get(client as object) ?? open(client)
  known.set(client as object, found)
  return found
}

/** The methods of a client show its kind. */
function open(client: unknown): Connection {
  const given = client as Partial<IoredisLike & NodeRedisLike & CommandSender & GlideLike> | null | undefined
  if (typeof given?.send === 'function') return throughSender(client as CommandSender)
  if (typeof given?.customCommand === 'function') return throughGlide(client as GlideLike)
  if (typeof given?.evalSha === 'function') return throughNodeRedis(client as NodeRedisLike)
  if (typeof given?.evalsha === 'function')
    return typeof given.status === 'string'
      ? throughIoredis(client as IoredisLike)
      : throughUpstash(client as UpstashLike)
  throw new TypeError(
    `client must be a client of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with send(command, key); received ${describe(client)}`,
  )
}

/** The states of ioredis before it is ready, except 'wait': such a client connects on its first command. */
const OPENING = ['connecting', 'connect', 'close', 'reconnecting']

function throughIoredis(client: IoredisLike): Connection {
  return connection(
    (by, { sha, text }, keys, values) =>
      by === 'sha'
        ? client.evalsha(sha, keys.length, ...keys, ...values)
        : client.eval(text, keys.length, ...keys, ...values),
    onceReady(client, () => OPENING.includes(client.status)),
    (key) => serverOf(client, `${client.options?.keyPrefix ?? ''}${key}`),
  )
}

function throughNodeRedis(given: NodeRedisLike): Connection {
  const client = given as NodeRedisClient
  // Since version 6 every command has a time limit, which costs several times as much as the command. A limiter has its own.
  const untimed = client.withCommandOptions?.({ timeout: undefined }) ?? client
  return connection(
    (by, { sha, text }, keys, values) => {
      const options = { keys: [...keys], arguments: [...values] }
      return by === 'sha' ? untimed.evalSha(sha, options) : untimed.eval(text, options)
    },
    onceReady(client, () => client.isOpen === true && client.isReady === false),
    (key) => serverOf(client, key),
  )
}

function throughUpstash(client: UpstashLike): Connection {
  return connection((by, { sha, text }, keys, values) =>
    by === 'sha' ? client.evalsha(sha, [...keys], [...values]) : client.eval(text, [...keys], [...values]),
  )
}

function throughGlide(client: GlideLike): Connection {
  return connection((...question) => client.customCommand(commandOf(...question)))
}

function throughSender(client: CommandSender): Connection {
  return connection((...question) => client.send(commandOf(...question), question[2][0] as string))
}

function commandOf(...[by, { sha, text }, keys, values]: Parameters<Run>): string[] {
  const rest = [String(keys.length), ...keys, ...values]
  return by === 'sha' ? ['EVALSHA', sha, ...rest] : ['EVAL', text, ...rest]
}
