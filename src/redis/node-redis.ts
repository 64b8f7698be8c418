import { connection, type Connection, onceReady, type Telling } from './connection.js'
import { serverOf } from './slot.js'

/** A client of node-redis, a pool or a cluster of it, as far as it is used. */
export interface NodeRedisLike {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A client by itself tells whether it is connected; a cluster and a pool see to that themselves. */
interface NodeRedisClient extends NodeRedisLike, Telling {
  readonly isOpen?: boolean
  readonly isReady?: boolean
  withCommandOptions?(options: { timeout: undefined }): NodeRedisLike
}

export function throughNodeRedis(given: NodeRedisLike): Connection {
  const client = given as NodeRedisClient
  // From version 6 on every command has a time limit, which costs several times the command. A limiter has its own.
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
