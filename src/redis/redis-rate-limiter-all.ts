import { checkNumber, describe } from '../internal/options/validate.js'
import type { ExecuteOptions } from '../internal/policy.js'
import { throwIfAborted } from '../internal/signal-watch.js'
import { rateLimitExceeded } from '../rate-limit/refusals.js'
import type { GcraAnswer } from './gcra.js'
import type { LimitHost } from './limit-host.js'
import { closedOff } from './limit.js'
import { completeAcquireOptions, type RedisAcquireOptions, signalIn } from './redis-limiter-options.js'
import { RedisWaiters, type Turn } from './redis-waiters.js'
import { Unavailable } from './server.js'
import { slotOf } from './slot.js'

/** Tokens of each limit; a limit that is left out costs nothing. */
export type RedisCosts<K extends string = string> = Readonly<Partial<Record<K, number>>>

/** A grant of several limits over Redis at once. */
export interface RedisPermit<K extends string = string> {
  /**
   * Corrects the costs once the actual ones are known. The difference is given back, or becomes a debt that later callers wait for. Limits that
   * are left out stay as they are. Only the first call has an effect.
   *
   * @param actual - the whole costs, not the difference: whole numbers >= 0, may exceed the burst
   * @returns a promise of whether the server has answered; the correction is sent at most once
   */
  settle(actual: RedisCosts<K>): Promise<boolean>
}

/** One of several limits. */
export interface Part {
  readonly host: LimitHost
  /** On the server. */
  readonly key: string
}

interface Charge {
  readonly name: string
  readonly part: Part
  readonly tokens: number
}

type Charges = readonly Charge[]

/**
 * Several limits over Redis at once, all or nothing, in one round trip; made by {@link RedisRateLimiter.all}. The server makes each decision.
 *
 * @example
 * const permit = await model.acquire({ requests: 1, tokens: 1200 })
 * const answer = await ask(prompt)
 * await permit.settle({ tokens: answer.usage.total_tokens })
 */
export class RedisRateLimiterAll<K extends string = string> {
  readonly #parts: ReadonlyMap<string, Part>
  readonly #waiters: RedisWaiters<Charges>

  /** @internal */
  constructor(parts: ReadonlyMap<string, Part>) {
    checkTogether(parts)
    this.#parts = parts
    const [{ host }] = [...parts.values()] as [Part]
    this.#waiters = new RedisWaiters(
      {
        turn: (charges) => this.#take(charges),
        // Sent once: a correction that arrived twice would let too many pass.
        giveBack: (charges) => void this.#correct(charges.map((charge) => ({ ...charge, tokens: -charge.tokens }))),
        decided: () => undefined,
        refusal: (charges, waitMs, why) =>
          rateLimitExceeded(Math.max(...charges.map(({ tokens }) => tokens)), waitMs, why, namesOf(charges)),
      },
      host.options.clock,
      () => host.server.limitMs([...parts.values()][0]?.key ?? ''),
    )
  }

  /**
   * Takes the costs from all limits if all of them are available, else takes nothing. Refused while others wait, because they came first.
   *
   * @param costs - whole numbers of tokens for each limit: >= 0 and at most its `burstSize`
   * @returns a promise of a permit, or of false
   */
  async tryAcquire(costs: RedisCosts<K>, options?: ExecuteOptions): Promise<RedisPermit<K> | false> {
    const charges = this.#chargesOf(costs)
    const turn = await this.#waiters.take(charges, signalIn('tryAcquire', options))
    return turn?.allowed === true && this.#granted(charges)
  }

  /**
   * Waits until all limits have the costs, first come first served among the callers of this object.
   *
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED if the wait would be longer than `maxWaitMs`, or while the server is away if one of the
   *   limits has `onUnavailable: 'closed'`
   */
  async acquire(costs: RedisCosts<K>, options: RedisAcquireOptions = {}): Promise<RedisPermit<K>> {
    const charges = this.#chargesOf(costs)
    const { maxWaitMs, signal } = completeAcquireOptions(options)
    throwIfAborted(signal)
    await this.#waiters.wait(charges, maxWaitMs, signal)
    return this.#granted(charges)
  }

  #granted(charges: Charges): RedisPermit<K> {
    for (const { part } of charges) part.host.counts.allowed++
    let isSettled = false
    return {
      settle: async (actual) => {
        const corrections = this.#check('actual', actual, () => Number.MAX_SAFE_INTEGER).map((one) => {
          const paid = charges.find(({ name }) => name === one.name)?.tokens ?? 0
          return { ...one, tokens: one.tokens - paid }
        })
        if (isSettled) return true
        isSettled = true
        return this.#correct(corrections.filter(({ tokens }) => tokens !== 0))
      },
    }
  }

  async #take(charges: Charges): Promise<Turn> {
    for (const { part } of charges) part.host.checkOpen()
    if (charges.length === 0) return { allowed: true, waitMs: 0 }
    const answers = await ask(charges, (tokens) => tokens)
    if (answers instanceof Unavailable) return takeAlone(charges, answers)
    const allowed = answers.every(({ granted }, i) => granted === charges[i]?.tokens)
    if (!allowed) for (const { part } of charges) part.host.counts.denied++
    const waitMs = Math.max(...answers.map((answer) => Math.max(answer.waitMs, answer.pausedMs)))
    return { allowed, waitMs: allowed ? 0 : waitMs, source: 'redis' }
  }

  /** Takes tokens however many are available, or gives them back if their number is negative. */
  async #correct(charges: Charges): Promise<boolean> {
    if (charges.length === 0) return true
    const answers = await ask(charges, () => -1)
    return !(answers instanceof Unavailable)
  }

  #chargesOf(costs: RedisCosts<K>): Charges {
    const charges = this.#check('costs', costs, ({ host }) => host.rate.burstSize)
    if (charges.length === 0)
      throw new RangeError(`costs must name at least one limit (limits: ${[...this.#parts.keys()].join(', ')})`)
    for (const { part } of charges) part.host.checkOpen()
    return charges.filter(({ tokens }) => tokens > 0)
  }

  #check(what: string, costs: unknown, most: (part: Part) => number): Charge[] {
    if (typeof costs !== 'object' || costs === null)
      throw new TypeError(
        `${what} must be an object with a number of tokens for each limit; received ${describe(costs)}`,
      )
    return Object.entries(costs).flatMap(([name, tokens]: [string, unknown]) => {
      const part = this.#parts.get(name)
      if (part === undefined)
        throw new TypeError(
          `${what} names '${name}', which is no limit here (limits: ${[...this.#parts.keys()].join(', ')})`,
        )
      if (tokens === undefined) return []
      checkNumber(`${what}.${name}`, tokens, { min: 0, max: most(part), integer: true })
      return [{ name, part, tokens: tokens as number }]
    })
  }
}

function ask(charges: Charges, least: (tokens: number) => number): Promise<GcraAnswer[] | Unavailable> {
  const [{ part: first }] = charges as [Charge]
  return first.host.server.askAll(
    charges.map(({ part: { key, host }, tokens }) => ({ key, ...host.rate.request(tokens, least(tokens)) })),
  )
}

/** Decides while the server is away, by `onUnavailable` of each limit. */
function takeAlone(charges: Charges, reason: Unavailable): Turn {
  const source = 'fallback'
  for (const { part } of charges) part.host.counts.fallbacks++
  const closed = charges.find(({ part }) => part.host.options.onUnavailable === 'closed')
  if (closed !== undefined) return closedOff(closed.part.host.options.name, reason)
  const taken: Charge[] = []
  for (const charge of charges) {
    if (charge.part.host.options.onUnavailable === 'open') continue
    const { allowed, waitMs } = charge.part.host.fallback.take([], charge.tokens)
    if (allowed) {
      taken.push(charge)
      continue
    }
    for (const { part, tokens } of taken) part.host.fallback.limiter.refund(tokens)
    return { allowed: false, waitMs, source }
  }
  return { allowed: true, waitMs: 0, source }
}

function namesOf(charges: Charges): string {
  return charges.map(({ part }) => part.host.options.name).join("' and '")
}

/** @throws {TypeError} for limits that one script cannot decide together */
function checkTogether(parts: ReadonlyMap<string, Part>): void {
  const all = [...parts.values()]
  const [first] = all
  if (first === undefined) throw new TypeError('limits must have at least one RedisRateLimiter; received none')
  const { connection } = first.host.server
  if (all.some(({ host }) => host.server.connection !== connection))
    throw new TypeError('limits must have the same client; received limiters of several')
  if (new Set(all.map(({ key }) => key)).size < all.length)
    throw new TypeError('limits must have names of their own; received two of one name')
  const isCluster = connection.serverOf?.(first.key) !== undefined
  if (isCluster && new Set(all.map(({ key }) => slotOf(key))).size > 1)
    throw new TypeError(
      `limits of a cluster must have names that begin alike up to '/', such as 'model/requests' and 'model/tokens', by which they are in one place; received ${describe(all.map(({ host }) => host.options.name))}`,
    )
}
