import type { Job, JobType, Queue, QueueEvents, Worker } from 'bullmq'
import { runError } from '../internal/run-error.js'
import { lastingKind, withoutPassword } from '../internal/server-error.js'
import { shownServer } from '../internal/server-url.js'
import { messageOf } from '../internal/text/error-text.js'
import { inTime } from './in-time.js'
import type { JobLike } from './peer.js'
import type { ChunkData } from './transport.js'

/**
 * Resolves when the server of `base` answers; otherwise `base` is closed.
 *
 * @param connection - where the server is, for the message
 * @throws {ExecutionError} (as a rejection) saying which program to start, or why the server refuses
 */
export async function whenReady(base: Queue | QueueEvents | Worker, connection: object): Promise<void> {
  let last: unknown
  const refused = new Promise<never>((_, reject) => {
    ;(base as Worker).on('error', (error) => {
      last = error
      if (lastingKind(messageOf(error)) !== undefined) reject(error)
    })
  })
  try {
    await inTime(Promise.race([base.waitUntilReady(), refused]))
  } catch (error) {
    void base.close(true).catch(() => undefined)
    throw notReady(connection, withoutPassword(last ?? error))
  }
}

/** Whether a job is a chunk in the format of this version. Other programs may use the same name for their jobs. */
export function isChunk({ name, data }: JobLike): boolean {
  const { version, run, items, task } = (data ?? {}) as Partial<ChunkData>
  return name === 'chunk' && version === 1 && [run, items, task?.export].every((text) => typeof text === 'string')
}

const UNFINISHED: JobType[] = ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children']

/** @throws {ExecutionError} (as a rejection) if other programs have jobs in the queue: our workers would take them. Looks at the first of each state. */
export async function refuseOthers(queue: Queue): Promise<void> {
  const jobs: (Job | undefined)[] = await queue.getJobs(UNFINISHED, 0, 15)
  const other = jobs.find((job) => job !== undefined && !isChunk(job))
  if (other === undefined) return
  const what = `the queue ${queue.name} holds jobs that are no chunks of this version, such as ${shownJob(other)}`
  throw runError(`${what}; runs need a queue of their own: choose another name`)
}

export const shownJob = ({ name, id }: JobLike): string => `${JSON.stringify(name)} (${id})`

function notReady(connection: object, error: unknown): Error {
  const message = messageOf(error)
  // Version 6 has no client of its own, so no server was asked.
  if (/could not load .*'ioredis'/.test(message)) return runError(message, error)
  const place = placeOf(connection)
  return runError(
    lastingKind(message) === undefined
      ? `no Redis or Valkey answers at ${place} (${message}): install and start one, such as Debian's redis-server or valkey-server`
      : `the Redis or Valkey at ${place} refuses the connection: ${message}`,
    error,
  )
}

/** The address of the server in the options of ioredis, or of a client that was made with them; of several servers no address. */
function placeOf(connection: object): string {
  const { options = connection, isCluster } = connection as { readonly options?: object; readonly isCluster?: boolean }
  const { url, sentinels, host, port } = options as Readonly<Record<string, string | null | undefined>>
  if (typeof url === 'string') return shownServer(url)
  const areSeveral = isCluster === true || (sentinels ?? null) !== null
  return areSeveral ? 'the given servers' : `${host ?? 'localhost'}:${port ?? 6379}`
}
