import { RateLimitExceeded } from '../errors.js'
import { MAX_BURST } from '../internal/rate.js'
import { INSPECT, shownAs } from '../internal/shown.js'
import { checkKeys, checkNumber, checkSignal, describe } from '../internal/validate.js'
import type { Clock } from '../internal/clock.js'
import type { Bucket } from '../memory/bucket/bucket.js'
import { type Key, checkKey } from '../memory/keyed/hash.js'
import { OUTCOME } from '../memory/bucket/core.js'
import { GRACE_MS } from './turn.js'

/** What a call costs in a keyed limit. */
export interface KeyedCost {
  /** Whose tokens they are. */
  readonly key: Key
  /** Tokens of the key; default 1. */
  readonly tokens?: number | undefined
}

/** Tokens of each limit, and for keyed limits the key as well; a limit that is left out costs nothing. */
export type Costs<K extends string = string, Keyed extends string = never> = Readonly<Partial<Record<K, number>>> &
  Readonly<Partial<Record<Keyed, KeyedCost>>>

/** What was granted by several limits at once. */
export interface Permit<K extends string = string, Keyed extends string = never> {
  /**
   * Corrects the costs once the true ones are known: the difference is given back, or taken as a debt that later callers
   * wait for. Limits left out stay as they are. Once; then it does nothing.
   *
   * @param actual - the whole cost, not the difference: >= 0, may exceed the burst
   * @throws {TypeError | RangeError} when a cost is no such number, or there is no such limit; the permit can still be settled then
   */
  settle(actual: Costs<K, Keyed>): void
}

/** Options of a wait for several limits. */
interface WaitOptions {
  signal?: AbortSignal | undefined
  maxWaitMs?: number | undefined
}

/** One bucket, as {@link RateLimiterAll} uses it: a limiter's, or that of a key. */
export interface LimitPart {
  /** Whose it is. */
  readonly limiter: object
  readonly bucket: Pick<Bucket, 'tryAcquire' | 'refund' | 'charge' | 'available' | 'parameters'>
  readonly clock: Clock
  /** Whether it refuses nobody: it is asked once the others have granted, and charged if it would have granted, too. */
  readonly isDry: boolean
  /** Throws when the limiter has been disposed. */
  checkUsable(): void
  /** How long a newcomer would wait for `tokens`, ms. */
  estimateMs(tokens: number): number
  /** The same for a caller that is about to wait; throws what `acquire` would reject with. */
  letIn(tokens: number, options: WaitOptions): number
  /** The next place in the order of arrival; -1 where there is none. */
  arrive(tokens: number): number
  /** Waits in the limiter's queue, at a place of {@link arrive}. The tokens are taken then. */
  wait(tokens: number, place: number, waitMs: number, signal: AbortSignal | undefined): Promise<void>
  /** Tokens have gone back: whoever waits in this thread may be served earlier. */
  returned(): void
  count(outcome: 'allowed' | 'denied'): void
}

/** A limiter of many buckets. */
export interface KeyedLimit {
  /** The bucket of a key. @internal */
  partOf(key: Key): LimitPart
}

interface Charge {
  readonly name: string
  readonly part: LimitPart
  readonly tokens: number
  /** Of a keyed limit. */
  readonly key?: Key
}

/**
 * Several limits at once, all or nothing; made by {@link RateLimiter.all}. For model APIs that limit requests and tokens a minute,
 * or a user's limit inside everybody's.
 *
 * Callers wait in the scarcest limit and take nothing from the others before their turn has come there. Where another limit lacks tokens then,
 * they wait there at the place where they came, and what they have already keeps as tokens in a bucket do; so nobody holds a limit up.
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
   * @throws {TypeError | RangeError} when a cost is no such number, or there is no such limit
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
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED (as a rejection) when one limit refuses; `retryAfterMs` is the longest wait of all limits, and
   *   nothing is consumed
   * @throws {TypeError | RangeError} (as a rejection) when an argument is wrong
   */
  async acquire(
    costs: Costs<K, Keyed>,
    options: { signal?: AbortSignal | undefined; maxWaitMs?: number | undefined } = {},
  ): Promise<Permit<K, Keyed>> {
    checkKeys('RateLimiterAll.acquire', options, ['signal', 'maxWaitMs'])
    const signal = checkSignal('signal', options.signal)
    const charges = this.#chargesFor(costs)
    signal?.throwIfAborted()
    // A limit whose tokens are there has nobody waiting: taking them passes nobody by.
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

  /** What has to be taken where. Everything is checked before anything is taken. */
  #chargesFor(costs: Costs<K, Keyed>): Charge[] {
    const charges = this.#check('costs', costs)
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
    if (charges.length === 0)
      throw new RangeError(`${what} must name at least one limit (limits: ${[...this.#parts.keys()].join(', ')})`)
    return charges
  }
}

function isDry({ part }: Charge): boolean {
  return part.isDry
}

/** Those that can refuse. */
function bindingOf(charges: readonly Charge[]): readonly Charge[] {
  return charges.some(isDry) ? charges.filter((charge) => !isDry(charge)) : charges
}

/** Charges a limit that refuses nobody; false where it would have refused. */
function takeDry({ part, tokens }: Charge): boolean {
  if (part.bucket.tryAcquire(tokens) === OUTCOME.granted) return true
  part.count('denied')
  return false
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

/** A cost is corrected where it was paid. */
function checkSameKeys(charges: readonly Charge[], corrections: readonly Charge[]): void {
  for (const { name, key } of corrections) {
    const paid = charges.find((charge) => charge.name === name)
    if (paid !== undefined && !Object.is(paid.key, key)) {
      throw new TypeError(
        `actual.${name}.key must be the key that was charged, ${describe(paid.key)}; received ${describe(key)}`,
      )
    }
  }
}

/** Throws when a cost could never be had. Where all tokens are there, none of them is beyond its burst: nobody needs to ask. */
/**
 * Options of a new limit, as they are.
 *
 * @throws {TypeError} for a limiter whose tokens are not in shared memory: those of several can be taken at once only there
 */
export function checkOptions<T>(name: string, limit: T): T {
  if (typeof limit === 'object' && limit !== null && 'acquire' in limit) {
    throw new TypeError(
      `limits.${name} must be a RateLimiter, the options of one, or a KeyedRateLimiter; received ${describe(limit)}, of which nothing can be taken together with others: give it and the others to pipeline(), or acquire from one after the other`,
    )
  }
  return limit
}

function checkBursts(charges: readonly Charge[]): void {
  for (const { name, part, tokens } of charges)
    checkNumber(`costs.${name}`, tokens, { min: 0, max: part.bucket.parameters().burstSize })
}

/** Takes every charge if all tokens are there, else none; returns the charges that lack them. */
function takeNow(charges: readonly Charge[]): readonly Charge[] {
  // Looking first means that a denial touches no limit, not even for a moment.
  const lacking = charges.filter(({ part, tokens }) => part.bucket.available() < tokens)
  if (lacking.length > 0) return lacking
  const failed = takeAll(charges)
  return failed === null ? [] : [failed]
}

/** Takes every charge or none; returns the one that failed, because another thread was faster. */
function takeAll(charges: readonly Charge[]): Charge | null {
  for (const [index, charge] of charges.entries()) {
    if (charge.part.bucket.tryAcquire(charge.tokens) === OUTCOME.granted) continue
    for (const { part, tokens } of charges.slice(0, index)) giveBack(part, tokens)
    return charge
  }
  return null
}

function giveBack(part: LimitPart, tokens: number): void {
  part.bucket.refund(tokens)
  part.returned()
}

/** How long each charge will have to wait, ms; throws when one of them may not. */
function letIn(charges: readonly Charge[], options: WaitOptions): number[] {
  return charges.map(({ name, part, tokens }) => {
    if (part.estimateMs(tokens) <= 0) return 0
    try {
      return part.letIn(tokens, options)
    } catch (error) {
      if (!RateLimitExceeded.is(error)) throw error
      throw new RateLimitExceeded(`refused by '${name}': ${error.message}`, {
        retryAfterMs: Math.max(...charges.map((charge) => charge.part.estimateMs(charge.tokens))),
        limiterName: error.limiterName,
      })
    }
  })
}

/** How long tokens that were waited for keep when the others are not there, ms; as in the bound. */
function keepsMs({ part, tokens }: Charge): number {
  const { requestsPerSecond, burstSize } = part.bucket.parameters()
  return Math.max((1000 * (burstSize - tokens)) / requestsPerSecond, GRACE_MS)
}

/**
 * Waits in one limit at a time, at first the one with the longest wait, and takes the others when its turn has come there. Where one of them lacks
 * tokens the caller goes on to wait there, at the place where it came, and keeps what it has for as long as tokens keep.
 */
async function waitForAll(
  charges: readonly Charge[],
  waits: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const places = charges.map(({ part, tokens }) => part.arrive(tokens))
  /** Until when what was taken is good. */
  const taken = charges.map(() => -Infinity)
  let scarce = waits.indexOf(Math.max(...waits))
  try {
    for (;;) {
      const { part, tokens } = charges[scarce] as Charge
      await part.wait(tokens, places[scarce] as number, waits[scarce] as number, signal)
      taken[scarce] = part.clock.now() + keepsMs(charges[scarce] as Charge)
      scarce = charges.findIndex((charge, index) => {
        const nowMs = charge.part.clock.now()
        if ((taken[index] as number) >= nowMs) return false
        taken[index] = -Infinity
        if (charge.part.bucket.tryAcquire(charge.tokens) !== OUTCOME.granted) return true
        taken[index] = nowMs + keepsMs(charge)
        return false
      })
      if (scarce < 0) return
    }
  } catch (error) {
    for (const [index, { part, tokens }] of charges.entries()) {
      if ((taken[index] as number) >= part.clock.now()) giveBack(part, tokens)
    }
    throw error
  }
}
