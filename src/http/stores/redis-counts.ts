import { SharedMemoryError } from '../../errors.js'
import { WINDOW } from '../../memory/shared/layout.js'
import type { HitOptions } from '../../rate-limit/keyed/keyed-window.js'
import { type BucketTerms, ServerCounts } from '../../redis/server-counts.js'
import { Unavailable } from '../../redis/server.js'
import type { WindowRequest } from '../../redis/window-script.js'
import { BucketPairs, Counter } from './counter.js'
import { BEYOND, type Counted, type Counts, cut, overAtOnce, wholeLimit, wholeMs } from './counts.js'
import type { CompleteRemoteOptions, CompleteStoreOptions } from './options.js'

/** The counts of a store: in shared memory, or with `redis` on the server. @throws {TypeError} for an unknown client */
export function countsOf(options: CompleteStoreOptions): Counts {
  return options.remote === null ? new Counter(options) : new RedisCounts(options, options.remote)
}

/** Counts hits of keys on a server, for all machines; while it is away, by what `onUnavailable` says. */
class RedisCounts implements Counts {
  readonly #options: CompleteStoreOptions
  readonly #remote: CompleteRemoteOptions
  readonly #server: ServerCounts
  readonly #buckets: BucketPairs<BucketTerms>
  /** Counts while the server is away, from the first time on. */
  #here: Counter | undefined = undefined

  constructor(options: CompleteStoreOptions, remote: CompleteRemoteOptions) {
    this.#options = options
    this.#remote = remote
    this.#buckets = new BucketPairs(options, (limit, windowMs) => ({ limit, windowMs }))
    this.#server = new ServerCounts(remote.redis, { ...remote, clock: options.clock })
  }

  hit(key: string, windowMs: number, limit: number, extend: HitOptions['extend'] = 'never'): Promise<Counted> {
    return this.#hit(key, windowMs, limit, { extend }, (here, part) => here.hit(key, windowMs, part, extend))
  }

  hitOrBlock(key: string, windowMs: number, limit: number, blockMs: number): Promise<Counted> {
    const blocks = blockMs > 0 && this.#options.algorithm === 'window'
    const extend = blocks ? ({ extend: 'block', blockMs: Math.min(blockMs, WINDOW.mostMs) } as const) : {}
    return this.#hit(key, windowMs, limit, extend, (here, part) => here.hitOrBlock(key, windowMs, part, blockMs))
  }

  async unhit(key: string, windowMs: number, limit: number): Promise<void> {
    const terms = this.#buckets.of(limit, windowMs)
    // Sent only once: a hit too many is better than one that is given back twice.
    const answer =
      terms === null ? await this.#inWindow(key, { what: 'unhit' }) : await this.#server.giveBack(cut(key), terms)
    if (answer instanceof Unavailable) this.#here?.unhit(key, windowMs, this.#partOf(limit))
  }

  async look(key: string, windowMs: number, limit: number): Promise<Counted> {
    const terms = this.#buckets.of(limit, windowMs)
    const counted = terms === null ? await this.#inWindow(key, { what: 'look' }) : await this.#inBucket(key, terms, 0)
    if (!(counted instanceof Unavailable)) return counted
    return this.#alone(counted, limit, (here, part) => here.look(key, windowMs, part))
  }

  async reset(key: string): Promise<void> {
    this.#here?.reset(key)
    await this.#server.forget(cut(key), this.#buckets.all.values())
  }

  async #hit(
    key: string,
    windowMs: number,
    limit: number,
    extend: Pick<WindowRequest, 'extend' | 'blockMs'>,
    alone: (here: Counter, part: number) => Counted,
  ): Promise<Counted> {
    if (!(windowMs > 0)) return overAtOnce(limit)
    const terms = this.#buckets.of(limit, windowMs)
    const lastingMs = Math.min(windowMs, WINDOW.mostMs)
    const counted =
      terms === null
        ? await this.#inWindow(key, { what: 'hit', lastingMs, limit: wholeLimit(limit), ...extend })
        : await this.#inBucket(key, terms, 1)
    return counted instanceof Unavailable ? this.#alone(counted, limit, alone) : counted
  }

  async #inWindow(key: string, request: WindowRequest): Promise<Counted | Unavailable> {
    const answer = await this.#server.inWindow(cut(key), request)
    if (answer instanceof Unavailable) return answer
    const { count, resetMs, blocked } = answer
    const { limit = WINDOW.mostCount } = request
    return { count, resetMs: wholeMs(resetMs), refused: blocked || (count > limit && limit !== WINDOW.mostCount) }
  }

  async #inBucket(key: string, terms: BucketTerms, hits: 0 | 1): Promise<Counted | Unavailable> {
    const answer = await this.#server.inBucket(cut(key), terms, hits)
    if (answer instanceof Unavailable) return answer
    const { limit, windowMs } = terms
    if (hits > 0 && answer.refused) return { count: limit + 1, resetMs: Math.ceil(answer.waitMs), refused: true }
    const count = Math.ceil(limit - answer.left)
    return { count, resetMs: Math.ceil((count / limit) * windowMs), refused: false }
  }

  /** @throws the client's error, with `onUnavailable: 'closed'` */
  #alone(reason: Unavailable, limit: number, count: (here: Counter, part: number) => Counted): Counted {
    const { onUnavailable, processes } = this.#remote
    if (onUnavailable === 'closed') throw reason.error
    if (onUnavailable === 'open') return { count: 1, resetMs: 0, refused: false }
    const part = this.#partOf(limit)
    const counted = this.#countHere((here) => count(here, part))
    return { ...counted, count: ofAll(counted, limit, part, processes) }
  }

  /** This machine's part of a limit: at least one hit. */
  #partOf(limit: number): number {
    return Math.max(Math.min(1, limit), limit / this.#remote.processes)
  }

  #countHere(count: (here: Counter) => Counted): Counted {
    try {
      return count((this.#here ??= new Counter({ ...this.#options, scope: 'machine' })))
    } catch (error) {
      if (!SharedMemoryError.is(error)) throw error
      // Without the addon, or with other options under the name: this process counts by itself.
      this.#here = new Counter({ ...this.#options, name: null, scope: 'process' })
      return count(this.#here)
    }
  }
}

/** The count of all machines, as that of one implies: within its part it is within the limit, beyond that it is beyond. */
function ofAll({ count }: Counted, limit: number, part: number, processes: number): number {
  if (processes === 1 || count === BEYOND) return count
  if (!Number.isFinite(limit)) return count * processes
  return count <= part ? Math.min(count * processes, limit) : Math.max(count * processes, Math.floor(limit) + 1)
}
