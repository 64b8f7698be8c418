// What tests of BullMQ share: both versions of it, and the servers of this machine.
import { createRequire } from 'node:module'
import { afterAll, beforeAll } from 'vitest'
import { hasServer, TestServer } from '../../support/redis-server.ts'

export const require = createRequire(import.meta.url)
/** A module of tasks. */
export const url = new URL('../tasks/machines.mjs', import.meta.url)
export const servers = ['redis', 'valkey'].filter(hasServer)
/** Each version on each server. */
export const cases = servers.flatMap((kind) => ['bullmq5', 'bullmq6'].map((name) => [name, kind]))
/** Each version and each server once, where a test takes long. */
export const pairs = [
  ['bullmq6', servers[0]],
  ['bullmq5', servers.at(-1)],
]
export const numbers = (count) => Array.from({ length: count }, (_, i) => i)

/** What a run, and whoever serves it, are given. */
export const addressOf = ({ port }, queue, name = 'bullmq6') => ({
  connection: { host: '127.0.0.1', port },
  queue,
  library: require(name),
})

/** Servers that run as long as the tests of the describe around the call. */
export function runningServers() {
  const running = new Map()
  beforeAll(async () => {
    for (const kind of servers) running.set(kind, await TestServer.start(kind))
  })
  afterAll(async () => {
    for (const server of running.values()) await server[Symbol.asyncDispose]()
  })
  return running
}

/** How many jobs of which state a queue has. */
export async function jobsOf({ queue: name, connection, library: { Queue } }) {
  const queue = new Queue(name, { connection })
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed')
  await queue.close()
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}
