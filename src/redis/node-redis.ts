import { connection, type Connection, Opening, type OwnConnection, type Run } from './connection.js'
import { serverOf } from './slot.js'

/** A client of node-redis, a pool or a cluster of it, as far as it is used. */
export interface NodeRedisLike {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A client of node-redis by itself, or a cluster; a pool has none of this. */
interface NodeRedisClient extends NodeRedisLike {
  readonly isOpen: boolean
  readonly isReady?: boolean
  /** Of a cluster. */
  readonly slots?: unknown
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

export function throughNodeRedis(client: NodeRedisLike, isShared: boolean): Connection {
  const { duplicate, connect, on, destroy } = client as Partial<NodeRedisClient>
  const isWhole = [duplicate, connect, on, destroy].every((method) => typeof method === 'function')
  if (isShared || !isWhole) return connection(nodeRedisRun(client), undefined, (key) => serverOf(client, key))
  const given = client as NodeRedisClient
  const own = given.slots === undefined ? new OwnNodeRedis(given) : new OwnCluster(given)
  return connection(own.run, own, own.serverOf)
}

/** A connection of one's own by node-redis to one server. */
class OwnNodeRedis implements OwnConnection {
  readonly #given: NodeRedisClient
  readonly #opening = new Opening(() => this.#isReady())
  #client!: NodeRedisClient
  #run!: Run
  #end!: () => void
  /** When it was made, or was last ready. */
  #openMs = 0
  /** Since when a command waits for its answer. */
  #unansweredMs: number | undefined = undefined
  #isClosed = false

  constructor(given: NodeRedisClient) {
    this.#given = given
    this.#make()
  }

  readonly run: Run = async (...question) => {
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

  readonly serverOf = undefined

  readonly close = (): void => {
    this.#isClosed = true
    this.#end()
  }

  #isReady(): boolean {
    if (this.#client.isReady !== true) return false
    this.#openMs = performance.now()
    return true
  }

  #make(): void {
    const client = this.#given.duplicate({ disableOfflineQueue: true })
    this.#client = client
    this.#run = untimed(client)
    this.#openMs = performance.now()
    this.#unansweredMs = undefined
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
      if (!isOver) this.#opening.opened()
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

/** One of the clusters that an own connection makes after another. */
interface Made {
  readonly client: NodeRedisClient
  readonly run: Run
  readonly end: () => void
}

/**
 * A connection of one's own by node-redis to a cluster. Where one of its servers is silent, another may have taken its place, which node-redis does
 * not learn by itself, or late: then a cluster is made beside, and used once it is connected to all of its servers. What is under way at the others
 * goes on until then.
 */
class OwnCluster implements OwnConnection {
  readonly #given: NodeRedisClient
  readonly #opening = new Opening(() => this.#used !== undefined)
  /** What is asked. */
  #used: Made | undefined = undefined
  /** What is being connected, and since when. */
  #next: Made | undefined = undefined
  #nextMs = 0
  /** Since when a question waits for its answer, by server. */
  readonly #unansweredMs = new Map<unknown, number>()
  #isClosed = false

  constructor(given: NodeRedisClient) {
    this.#given = given
    this.#make()
  }

  readonly run: Run = async (by, script, key, values) => {
    const used = this.#used as Made
    const server = serverOf(used.client, key)
    if (!this.#unansweredMs.has(server)) this.#unansweredMs.set(server, performance.now())
    try {
      return await used.run(by, script, key, values)
    } finally {
      if (used === this.#used) this.#unansweredMs.delete(server)
    }
  }

  readonly serverOf = (key: string): unknown => this.#used && serverOf(this.#used.client, key)

  readonly ready = (): Promise<void> | undefined => {
    const givenUpMs = performance.now() - GIVE_UP_MS
    const isSilent = this.#used === undefined || [...this.#unansweredMs.values()].some((ms) => ms < givenUpMs)
    if (isSilent && this.#nextMs < givenUpMs && !this.#isClosed) this.#make()
    return this.#opening.ready()
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#next?.end()
    this.#used?.end()
  }

  #make(): void {
    this.#next?.end()
    // The first is of use before all servers are there.
    const client = this.#given.duplicate({ minimizeConnections: this.#used === undefined })
    let isOver = false
    const destroy = (): void => {
      try {
        client.destroy()
      } catch {
        // Version 5 refuses to end a server that it has given up by itself, as its `reconnectStrategy` may say.
      }
    }
    const end = (): void => {
      isOver = true
      destroy()
    }
    const next: Made = { client, run: untimed(client), end }
    this.#next = next
    this.#nextMs = performance.now()
    const failed = (error: unknown): void => {
      // What is ended while it connects may go on to.
      if (isOver) destroy()
      else this.#opening.failed(error)
    }
    client.on('error', failed)
    client.connect().then(() => (isOver ? destroy() : this.#use(next)), failed)
  }

  #use(next: Made): void {
    this.#used?.end()
    this.#used = next
    this.#next = undefined
    this.#unansweredMs.clear()
    this.#opening.opened()
  }
}

/** Without the time limit of version 6: a limiter has its own. */
function untimed(client: NodeRedisClient): Run {
  return nodeRedisRun(client.withCommandOptions?.({ timeout: undefined }) ?? client)
}

function nodeRedisRun(client: NodeRedisLike): Run {
  return (by, { sha, text }, key, values) => {
    const options = { keys: [key], arguments: [...values] }
    return by === 'sha' ? client.evalSha(sha, options) : client.eval(text, options)
  }
}
