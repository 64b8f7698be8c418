import { rmSync } from 'node:fs'
import { afterAll, beforeAll } from 'vitest'
import { filesOf } from './machine.js'
import { type Client, clientMakers } from './redis-clients.js'
import { hasServer, type ServerKind, TestServer } from './redis-server.js'

/** The servers that are installed here. */
export const servers = (['redis', 'valkey'] as const).filter(hasServer)

/** Rates are so low that nothing comes back during a test, however slow the machine; answers may take long. */
export const still = { requestsPerSecond: 0.001, burstSize: 10, timeoutMs: 10_000 } as const

/** What tests of limits need: to be called in a `describe`, whose end closes the clients, ends the servers, and removes what the limits left on this machine. */
export function limitsOverRedis(prefix: string): {
  readonly running: ReadonlyMap<ServerKind, TestServer>
  connected(kind: ServerKind, maker?: string): Promise<Client>
  /** A name that no other test has. */
  fresh(): string
} {
  const running = new Map<ServerKind, TestServer>()
  const clients: Client[] = []
  const names: string[] = []
  beforeAll(async () => {
    for (const kind of servers) running.set(kind, await TestServer.start(kind))
  })
  afterAll(async () => {
    for (const { close } of clients) close()
    for (const server of running.values()) await server[Symbol.asyncDispose]()
    for (const name of names) for (const file of filesOf(`redis:${name}`)) rmSync(file)
  })
  return {
    running,
    async connected(kind, maker = 'ioredis') {
      const client = await clientMakers[maker]!(running.get(kind)!.port)
      clients.push(client)
      return client
    },
    fresh() {
      const name = `${prefix}-${process.pid}-${names.length}`
      names.push(name)
      return name
    },
  }
}
