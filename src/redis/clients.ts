import { describe } from '../internal/options/validate.js'
import { connection, type Connection, Opening, type OwnConnection, type Run } from './connection.js'
import { slotOf } from './slot.js'

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

/**
 * The connection that a limiter has.
 *
 * @param isShared - whether to use the very connection; else an own one where the client can make it
 * @throws {TypeError} when it is no client that is known
 */
export function connectionOf(client: RedisClient, isShared: boolean): Connection {
  return openerOf(client)(isShared)
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

/** A client of node-redis by itself, or a cluster; a pool has none of this. */
interface NodeRedisClient extends NodeRedisLike {
  readonly isOpen: boolean
  /** Of a single client. */
  readonly isReady?: boolean
  duplicate(overrides?: object): NodeRedisClient
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'connect' | 'ready' | 'reconnecting', listener: () => void): unknown
  /** From version 6 on every command has a time limit, which costs several times the command. */
  withCommandOptions?(options: { timeout: undefined }): NodeRedisLike
}

/** A connection of which nothing is heard for so long is made anew: one that was cut off as it opened waits for ever, and says it is ready. */
const GIVE_UP_MS = 1000

function throughNodeRedis(client: NodeRedisLike, isShared: boolean): Connection {
  const { duplicate, connect, on, destroy } = client as Partial<NodeRedisClient>
  const isWhole = [duplicate, connect, on, destroy].every((method) => typeof method === 'function')
  if (isShared || !isWhole) return connection(nodeRedisRun(client), undefined, (key) => serverOf(client, key))
  const own = new OwnNodeRedis(client as NodeRedisClient)
  return connection((...question) => own.run(...question), own, own.serverOf)
}

/** A connection of one's own by node-redis. */
class OwnNodeRedis implements OwnConnection {
  readonly #given: NodeRedisClient
  readonly #isCluster: boolean
  readonly #opening = new Opening(() => this.#isReady())
  #client!: NodeRedisClient
  #run!: Run
  #end!: () => void
  /** When it was made, or was last ready. */
  #openMs = 0
  /** Since when a command waits for its answer. */
  #unansweredMs: number | undefined = undefined
  /** A cluster does not tell otherwise. */
  #hasConnected = false
  #isClosed = false

  constructor(given: NodeRedisClient) {
    this.#given = given
    this.#isCluster = given.isReady === undefined
    this.#make()
  }

  async run(...question: Parameters<Run>): Promise<unknown> {
    const client = this.#client
    this.#unansweredMs ??= performance.now()
    try {
      return await this.#run(...question)
    } finally {
      if (client === this.#client) this.#unansweredMs = undefined
    }
  }

  readonly ready = (): Promise<void> | undefined => {
    const isReady = this.#isReady()
    const nowMs = performance.now()
    const heardMs = isReady ? (this.#unansweredMs ?? nowMs) : this.#openMs
    if (nowMs - heardMs > GIVE_UP_MS && !this.#isClosed) {
      this.#end()
      this.#make()
    }
    return this.#opening.ready()
  }

  readonly serverOf = (key: string): unknown => serverOf(this.#client, key)

  readonly close = (): void => {
    this.#isClosed = true
    this.#end()
  }

  #isReady(): boolean {
    if (this.#isCluster) return this.#hasConnected
    if (this.#client.isReady !== true) return false
    this.#openMs = performance.now()
    return true
  }

  #make(): void {
    const client = this.#isCluster ? this.#given.duplicate() : this.#given.duplicate({ disableOfflineQueue: true })
    this.#client = client
    this.#run = nodeRedisRun(client.withCommandOptions?.({ timeout: undefined }) ?? client)
    this.#openMs = performance.now()
    this.#unansweredMs = undefined
    this.#hasConnected = false
    let isOpening = true
    let isOver = false
    const end = (): void => {
      if (client.isOpen) client.destroy()
    }
    this.#end = () => {
      isOver = true
      // A socket that is being opened would be opened all the same, and nobody could end it any more.
      if (!isOpening) end()
    }
    const opens = (isNow: boolean) => (): void => {
      isOpening = isNow
      if (isOver) end()
    }
    const opened = (): void => {
      opens(false)()
      if (isOver) return
      this.#hasConnected = true
      this.#opening.opened()
    }
    const failed = (error: unknown): void => {
      if (isOver) end()
      else this.#opening.failed(error)
    }
    client.on('connect', opens(false))
    client.on('reconnecting', opens(true))
    client.on('ready', opened)
    client.on('error', failed)
    client.connect().then(opened, failed)
  }
}

function nodeRedisRun(client: NodeRedisLike): Run {
  return (by, { sha, text }, key, values) => {
    const options = { keys: [key], arguments: [...values] }
    return by === 'sha' ? client.evalSha(sha, options) : client.eval(text, options)
  }
}

/** What has a slot, as a cluster says: in ioredis addresses, the master's first; in node-redis a shard. */
type Shard = readonly string[] | { readonly master: { readonly address: string } }

/** The address of the server that has a key; undefined where the client is no cluster, or does not know yet. */
function serverOf(client: object, key: string): string | undefined {
  const { slots } = client as { readonly slots?: readonly (Shard | undefined)[] }
  const shard = slots?.[slotOf(key)]
  return shard === undefined || 'master' in shard ? shard?.master.address : shard[0]
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
