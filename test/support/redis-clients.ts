import { createRequire } from 'node:module'
import type { RedisClient } from 'amorsize/redis'

const require = createRequire(import.meta.url)

export interface Client {
  readonly client: RedisClient
  /** Sends a command on the client's own connection. */
  command(...parts: string[]): Promise<unknown>
  close(): void
}

/** As docs/redis.md has clients. */
const sendsOnce = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
const soon = (tries: number): number => Math.min(50 * tries, 500)

/** Makes a client of a kind, connected to `port`. */
export type Maker = (port: number) => Promise<Client>

function ioredisLike(name: 'ioredis' | 'iovalkey'): Maker {
  return async (port) => {
    const { Redis } = require(name) as { Redis: new (options: object) => IoredisClient }
    const client = new Redis({ port, host: '127.0.0.1', ...sendsOnce, retryStrategy: soon })
    client.on('error', () => undefined)
    return {
      client: client as unknown as RedisClient,
      command: (...parts) => client.call(...parts),
      close: () => client.disconnect(),
    }
  }
}

interface IoredisClient {
  on(event: string, listener: () => void): void
  call(...parts: string[]): Promise<unknown>
  disconnect(): void
}

interface NodeRedisClient {
  on(event: string, listener: () => void): void
  connect(): Promise<unknown>
  sendCommand(parts: string[]): Promise<unknown>
  destroy(): void
}

const nodeRedis: Maker = async (port) => {
  const { createClient } = require('redis') as { createClient: (options: object) => NodeRedisClient }
  const socket = { port, host: '127.0.0.1', connectTimeout: 1000, socketTimeout: 5000, reconnectStrategy: soon }
  const client = createClient({ socket, pingInterval: 1000, disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
  return {
    client: client as unknown as RedisClient,
    command: (...parts) => client.sendCommand(parts),
    close: () => client.destroy(),
  }
}

/** Over a client of one's own. */
const sender: Maker = async (port) => {
  const { command, close } = await nodeRedis(port)
  return { client: { send: (parts: string[]) => command(...parts) }, command, close }
}

export const clientMakers: Record<string, Maker> = {
  ioredis: ioredisLike('ioredis'),
  iovalkey: ioredisLike('iovalkey'),
  'node-redis': nodeRedis,
  'send(command)': sender,
}
