import { checkKeys, checkNumber, checkSignal, describe } from '../internal/options/validate.js'
import { throwIfAborted } from '../internal/signal-watch.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { type Key, checkKey } from '../memory/keyed/key.js'
import { MAX_BURST } from '../memory/shared/rate.js'
import { bindingOf, type Charge, giveBack, isDry, letIn, type LimitPart, takeDry, takeNow } from './charges.js'
import { waitForAll } from './wait-for-all.js'

/** The cost of a call in a keyed limit. */
export interface KeyedCost {
  /** The key whose tokens are taken. */
  readonly key: Key
  /** Tokens of the key; default 1. */
  readonly tokens?: number | undefined
}

/** Tokens by limit, for keyed limits with the key; a limit that is left out costs nothing. */
export type Costs<K extends string = string, Keyed extends string = never> = Readonly<Partial<Record<K, number>>> &
  Readonly<Partial<Record<Keyed, KeyedCost>>>

/** Tokens granted by several limits at once. */
export interface Permit<K extends string = string, Keyed extends string = never> {
  /**
   * Corrects the costs once the true ones are known: the difference is given back, or taken as a debt that later callers
   * wait for. Limits that are left out or undefined stay as they are. Only the first call has an effect.
   *
   * @param actual - the whole cost, not the difference: >= 0, may exceed the burst
   * @throws {TypeError | RangeError} when a cost is not such a number, or there is no such limit; the permit can still be settled then
   */
  settle(actual: Costs<K, Keyed>): void
}

/** A limiter of many buckets. */
export interface KeyedLimit {
  /** The bucket of a key. @internal */
  partOf(key: Key): LimitPart
}

/**
 * Several limits at once, all or nothing; made by {@link RateLimiter.all}. For model APIs that limit requests and tokens per minute,
 * or a limit per user and one for all users.
 *
 * Callers wait in the scarcest limit, and take nothing from the others until their turn comes there. If another limit lacks tokens then,
 * they wait there at their place of arrival, and tokens that would get too old meanwhile go back. If that happens again, as it may if a
 * call costs nearly a full burst, tokens of all limits are reserved for one moment; some of those produced until then are lost.
 *
 * @example
 * const permit = await model.acquire({ rpm: 1, tpm: 1200 })
 * const answer = await ask(prompt)
 * permit.settle({ tpm: answer.usage.total_tokens })
 */
export class RateLimiterAll<K extends string = string, Keyed extends string = never> {
  readonly #parts: ReadonlyMap<string, LimitPart | KeyedLimit>

  private constructor(parts: ReadonlyMap<string, LimitPart | KeyedLimit>) {
    this.#parts = parts
  }

  /** The limits of `parts`, by name. @internal */
  static of<K extends string, Keyed extends string>(
    parts: ReadonlyMap<string, LimitPart | KeyedLimit>,
  ): RateLimiterAll<K, Keyed> {
    return new RateLimiterAll(parts)
  }

  /**
   * Takes the costs from all limits if all of them are there, else nothing from any.
   *
   * @param costs - tokens by limit: >= 0 and at most its `burstSize`
   * @returns a permit, or false
   * @throws {TypeError | RangeError} when a cost is not such a number, or there is no such limit
   */
  tryAcquire(costs: Costs<K, Keyed>): Permit<K, Keyed> | false {
    const charges = this.#chargesFor(costs)
    const lacking = takeNow(bindingOf(charges))
    if (lacking.length === 0) return this.#grant(charges)
    checkBursts(charges)
    for (const { part } of lacking) part.count('denied')
    return false
  }

  /**
   * Waits until all limits have the costs.
   *
   * @param costs - tokens by limit: >= 0 and at most its `burstSize`
   * @param options - `signal` ends the wait and gives everything back; `maxWaitMs` refuses a longer one at once, by default each
   *   limiter's own
   * @returns a promise of a permit
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED (as a rejection) when a limit refuses; `retryAfterMs` is the longest of all waits;
   *   nothing is consumed
   * @throws {TypeError | RangeError} (as a rejection) when an argument is wrong
   */
  async acquire(
    costs: Costs<K, Keyed>,
    options: { signal?: AbortSignal | undefined; maxWaitMs?: number | undefined } = {},
  ): Promise<Permit<K, Keyed>> {
    checkKeys('RateLimiterAll.acquire', options, ['signal', 'maxWaitMs'])
    const signal = checkSignal('signal', options.signal)
    if (options.maxWaitMs !== undefined) checkNumber('maxWaitMs', options.maxWaitMs, { min: 0, allowInfinity: true })
    const charges = this.#chargesFor(costs)
    throwIfAborted(signal)
    // If a limit has the tokens, nobody waits for it, so nobody is passed by.
    const binding = bindingOf(charges)
    if (takeNow(binding).length === 0) return this.#grant(charges)
    checkBursts(charges)
    const waits = letIn(binding, options)
    await waitForAll(binding, waits, signal)
    return this.#grant(charges)
  }

  /** @internal */
  [INSPECT](): object {
    const limits = [...this.#parts].map(([name, limit]) => [name, 'partOf' in limit ? limit : limit.limiter] as const)
    return shownAs('RateLimiterAll', Object.fromEntries(limits))
  }

  #grant(asked: readonly Charge[]): Permit<K, Keyed> {
    const charges = asked.some(isDry) ? asked.filter((charge) => !isDry(charge) || takeDry(charge)) : asked
    for (const { part } of charges) part.count('allowed')
    let isSettled = false
    return {
      settle: (actual) => {
        const corrections = this.#check('actual', actual)
        checkSameKeys(asked, corrections)
        if (isSettled) return
        isSettled = true
        for (const { name, part, tokens } of corrections) {
          const paid = charges.find((charge) => charge.name === name)?.tokens ?? 0
          // A dry run that found nothing to take has nothing to correct.
          if (paid === 0 && part.isDry) continue
          if (tokens < paid) giveBack(part, paid - tokens)
          else if (tokens > paid) part.bucket.charge(tokens - paid)
        }
      },
    }
  }

  /** Lists the charges of a call. Checks all costs before any token is taken. */
  #chargesFor(costs: Costs<K, Keyed>): Charge[] {
    const charges = this.#check('costs', costs)
    if (charges.length === 0)
      throw new RangeError(`costs must name at least one limit (limits: ${[...this.#parts.keys()].join(', ')})`)
    for (const { part } of charges) part.checkUsable()
    checkBursts(charges.filter(isDry))
    return charges.filter(({ tokens }) => tokens > 0)
  }

  #check(what: string, costs: Costs<K, Keyed>): Charge[] {
    const given: unknown = costs
    if (typeof given !== 'object' || given === null) {
      throw new TypeError(
        `${what} must be an object with a number of tokens for each limit; received ${describe(given)}`,
      )
    }
    const charges: Charge[] = []
    for (const [name, cost] of Object.entries(given)) {
      const limit = this.#parts.get(name)
      if (limit === undefined)
        throw new TypeError(
          `${what} names '${name}', which is no limit here (limits: ${[...this.#parts.keys()].join(', ')})`,
        )
      if (cost === undefined) continue
      charges.push(
        'partOf' in limit
          ? chargeOfKey(`${what}.${name}`, name, limit, cost)
          : { name, part: limit, tokens: checkCost(`${what}.${name}`, cost) },
      )
    }
    return charges
  }
}

function checkCost(what: string, tokens: unknown): number {
  return checkNumber(what, tokens, { min: 0, max: MAX_BURST })
}

function chargeOfKey(what: string, name: string, limit: KeyedLimit, cost: unknown): Charge {
  if (typeof cost !== 'object' || cost === null)
    throw new TypeError(`${what} must be { key, tokens }, since it is a limit by key; received ${describe(cost)}`)
  checkKeys(what, cost, ['key', 'tokens'])
  const { key: given, tokens = 1 } = cost as { key?: unknown; tokens?: unknown }
  const key = checkKey(`${what}.key`, given)
  return { name, key, part: limit.partOf(key), tokens: checkCost(`${what}.tokens`, tokens) }
}

/** Throws if a correction does not have the key of its cost: a cost is corrected where it was paid. */
function checkSameKeys(charges: readonly Charge[], corrections: readonly Charge[]): void {
  for (const { name, key } of corrections) {
    const paid = charges.find((charge) => charge.name === name)
    if (paid !== undefined && paid.key !== key) {
      throw new TypeError(
        `actual.${name}.key must be the key that was charged, ${describe(paid.key)}; received ${describe(key)}`,
      )
    }
  }
}

/**
 * Returns the options of a new limit unchanged.
 *
 * @throws {TypeError} for a limiter whose tokens are not in shared memory: only there can tokens of several limits be taken at once
 */
export function checkOptions<T>(name: string, limit: T): T {
  const isObject = typeof limit === 'object' && limit !== null
  if (!isObject || 'acquire' in limit) {
    const given = `limits.${name} must be a RateLimiter, the options of one, or a KeyedRateLimiter; received ${describe(limit)}`
    if (!isObject) throw new TypeError(given)
    const Class = classElsewhere(limit)
    throw new TypeError(
      `${given}${
        Class === undefined
          ? ', of which nothing can be taken together with others: give it and the others to pipeline(), or acquire from one after the other'
          : ` of another copy of this package: give ${Class}.from(limiter.share()), which has the same tokens, or install one copy (npm ls amorsize)`
      }`,
    )
  }
  return limit
}

/** The name of the limiter's class, if another copy of this package has made it. */
function classElsewhere(limit: object): string | undefined {
  const { name } = limit.constructor
  return ['RateLimiter', 'KeyedRateLimiter'].includes(name) && 'share' in limit ? name : undefined
}

/** Throws when a cost is beyond the burst. Needless if all tokens are there, since a bucket holds no more than its burst. */
function checkBursts(charges: readonly Charge[]): void {
  for (const { part, key } of charges) {
    // A limit, or a key of a keyed limit, may have several names: the sum of their costs must not exceed the burst either.
    const same = charges.filter((other) => other.part.limiter === part.limiter && other.key === key)
    const names = same.map(({ name }) => `costs.${name}`).join(' + ')
    const tokens = same.reduce((sum, charge) => sum + charge.tokens, 0)
    checkNumber(names, tokens, { min: 0, max: part.bucket.parameters().burstSize })
  }
}
