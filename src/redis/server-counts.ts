import { connectionOf, type RedisClient } from './clients.js'
import { type GcraRequest, timeOfToken, timeOfTokens } from './gcra.js'
import { keyName, shortKey } from './server-key.js'
import { LimitServer, type ServerOptions, type Unavailable } from './server.js'
import {
  readWindowAnswer,
  WINDOW_SCRIPT,
  type WindowAnswer,
  windowArguments,
  type WindowRequest,
} from './window-script.js'

/** A limit per window whose hits come back evenly. */
export interface BucketTerms {
  /** Most hits at once; >= 1. */
  readonly limit: number
  /** The time in which they come back, milliseconds. */
  readonly windowMs: number
}

/** The state of a bucket. */
export interface BucketAnswer {
  readonly refused: boolean
  /** Whole hits that are still allowed. */
  readonly left: number
  /** For a refused hit: milliseconds until one comes back. */
  readonly waitMs: number
}

/** Counts hits of keys on a server, in windows or buckets, by one round trip each. Nothing rejects: if the server is away, `Unavailable` is the answer. */
export class ServerCounts {
  readonly #server: LimitServer
  readonly #name: string

  /**
   * @param options - `name`: the same name shares the counts; any characters
   * @throws {TypeError} when the client is of no known kind
   */
  constructor(client: RedisClient, { name, ...options }: ServerOptions & { readonly name: string }) {
    this.#server = new LimitServer(connectionOf(client), options)
    this.#name = keyName(name)
  }

  /** Asks for the window of a key, or changes it. */
  inWindow(key: string, request: WindowRequest): Promise<WindowAnswer | Unavailable> {
    return this.#server.run(WINDOW_SCRIPT, [this.#windowKey(key)], windowArguments(request), readWindowAnswer)
  }

  /** Takes a hit from a key's bucket; with `most` 0 it only looks. */
  async inBucket(key: string, terms: BucketTerms, most: 0 | 1): Promise<BucketAnswer | Unavailable> {
    const answer = await this.#server.ask(this.#bucketKey(key, terms), { ...requestOf(terms), most, least: 1 })
    return 'granted' in answer ? { refused: answer.granted === 0, left: answer.left, waitMs: answer.waitMs } : answer
  }

  /** Gives a hit back to a key's bucket. Sent once: a hit that came back twice would let too many pass. */
  giveBack(key: string, terms: BucketTerms): Promise<unknown> {
    return this.#server.ask(this.#bucketKey(key, terms), { ...requestOf(terms), most: -1, least: -1 })
  }

  /** Forgets a key: its window and its buckets with these terms. */
  async forget(key: string, buckets: Iterable<BucketTerms>): Promise<void> {
    const keys = [this.#windowKey(key), ...Array.from(buckets, (terms) => this.#bucketKey(key, terms))]
    await Promise.all(
      keys.map((one) => this.#server.run(WINDOW_SCRIPT, [one], windowArguments({ what: 'reset' }), String)),
    )
  }

  #windowKey(key: string): string {
    return `rw:{${this.#name}:${shortKey(key)}}`
  }

  /** The terms are part of the key: other terms are another limit. */
  #bucketKey(key: string, { limit, windowMs }: BucketTerms): string {
    return `rl:{${this.#name}%${limit}/${windowMs}:${shortKey(key)}}`
  }
}

function requestOf({ limit, windowMs }: BucketTerms): Omit<GcraRequest, 'most' | 'least'> {
  const unit = timeOfToken((limit / windowMs) * 1000)
  return { unit, full: timeOfTokens(Math.floor(limit), unit), pauseMs: 0 }
}
