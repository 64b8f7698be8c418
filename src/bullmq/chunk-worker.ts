import { crc32 } from 'node:zlib'
import { execute } from '../execute/execute.js'
import type { ScheduleOptions } from '../execute/options.js'
import { MOST_IN_FLIGHT } from '../execute/schedule/timing.js'
import { resolveTask } from '../execute/task.js'
import type { Policy } from '../internal/policy.js'
import { realNow } from '../internal/time/real-timers.js'
import type { ServedModules } from './served-modules.js'
import type { ChunkAnswer, ChunkData } from './transport.js'
import { decodeValues, encodeOutcomes } from './values.js'

const AsyncFunction = (async () => Promise.resolve()).constructor as new () => unknown

/** Runs chunks by local `execute`. */
export class ChunkWorker {
  /**
   * @param name - in answers and messages
   * @param threads - worker threads; 'auto': as many as make it faster
   * @param policy - applied to each item
   */
  constructor(
    readonly name: string,
    readonly modules: ServedModules,
    readonly threads: number | 'auto' = 'auto',
    readonly policy?: Policy,
  ) {}

  /** Why a chunk cannot be run here; undefined if it can. */
  async refusal({ task }: ChunkData): Promise<string | undefined> {
    const refusal = await this.modules.refusal(task)
    return refusal === undefined ? undefined : `${this.name}: ${refusal}`
  }

  /** Runs a chunk and settles each of its items. @param signal - ends it; then the promise rejects with the signal's reason */
  async work(data: ChunkData, signal: AbortSignal): Promise<ChunkAnswer> {
    const found = this.modules.find(data.task)
    if ('refusal' in found) throw new Error(found.refusal)
    const startedMs = realNow()
    const items = decodeValues(data.items)
    const task = { url: found.url, export: data.task.export }
    const { call } = await resolveTask(task)
    const settled = await execute(task, items, {
      ...this.#how(call),
      onError: 'collect',
      signal,
      ...(data.timeoutMs === undefined ? {} : { timeoutMs: data.timeoutMs }),
    })
    return {
      version: 1,
      worker: this.name,
      ms: realNow() - startedMs,
      checksum: crc32(data.items),
      outcomes: encodeOutcomes(settled, data.first, data.maxBytes),
    }
  }

  /** Functions that compute run in threads, so that this thread can renew the lock of the chunk. Async ones run here, many at a time. */
  #how(call: (item: unknown) => unknown): ScheduleOptions {
    const { threads, policy } = this
    if (policy !== undefined) return { policies: [policy] }
    if (call instanceof AsyncFunction) return {}
    const few = threads === 'auto' ? {} : { workers: threads, concurrency: Math.max(threads, MOST_IN_FLIGHT) }
    return { mode: 'threads', mainThread: false, ...few }
  }
}
