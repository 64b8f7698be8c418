import { RateLimitExceeded } from '../errors.js'
import { MAX_BURST } from '../internal/rate.js'
import { checkKeys, checkNumber, checkSignal, describe } from '../internal/validate.js'
import type { Bucket, Ticket } from '../memory/bucket.js'
import { OUTCOME } from '../memory/token-bucket.js'

/** Tokens of each limit; a limit that is left out costs nothing. */
export type Costs<K extends string = string> = Readonly<Partial<Record<K, number>>>

/** What was granted by several limits at once. */
export interface Permit<K extends string = string> {
  /**
   * Corrects the costs once the true ones are known: the difference is given back, or taken as a debt that later callers
   * wait for. Limits left out stay as they are. Once; then it does nothing.
   *
   * @param actual - the whole cost, not the difference: >= 0, may exceed the burst
   * @throws {TypeError | RangeError} when a cost is no such number, or there is no such limit; the permit can still be settled then
   */
  settle(actual: Costs<K>): void
}

/** Options of a wait for several limits. */
interface WaitOptions {
  signal?: AbortSignal | undefined
  maxWaitMs?: number | undefined
}

/** One limiter, as {@link RateLimiterAll} uses it. */
export interface LimitPart {
  readonly bucket: Bucket
  /** Throws when the limiter has been disposed. */
  checkUsable(): void
  /** Reserves as `acquire` would; throws what it would reject with. */
  reserve(tokens: number, options: WaitOptions): Ticket
  /** Waits in the limiter's queue. */
  wait(ticket: Ticket, tokens: number, signal: AbortSignal): Promise<void>
  count(outcome: 'allowed' | 'denied'): void
}

interface Charge<K> {
  readonly name: K
  readonly part: LimitPart
  readonly tokens: number
}

type Held<K> = Charge<K> & { readonly ticket: Ticket }

/**
 * Several limits at once, all or nothing; made by {@link RateLimiter.all}. For model APIs that limit requests and tokens a minute,
 * or a user's limit inside everybody's.
 *
 * Callers are served in the order in which they came to each limit. They hold what they have while they wait for the rest; since a
 * reservation never waits for another caller, there is no deadlock. A limit that had tokens before the others did keeps them for
 * its caller, so its own bound grows by the tokens of callers that wait for other limits.
 *
 * @example
 * const permit = await model.acquire({ rpm: 1, tpm: 1200 })
 * const answer = await ask(prompt)
 * permit.settle({ tpm: answer.usage.total_tokens })
 */
export class RateLimiterAll<K extends string = string> {
  readonly #parts: ReadonlyMap<K, LimitPart>

  /** @internal */
  constructor(parts: ReadonlyMap<K, LimitPart>) {
    this.#parts = parts
  }

  /**
   * Takes the costs from all limits if all of them are there, else nothing from any.
   *
   * @param costs - tokens by limit: >= 0 and at most its `burstSize`
   * @returns a permit, or false
   * @throws {TypeError | RangeError} when a cost is no such number, or there is no such limit
   */
  tryAcquire(costs: Costs<K>): Permit<K> | false {
    const charges = this.#chargesFor(costs)
    const lacking = takeNow(charges)
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
  async acquire(costs: Costs<K>, options: { signal?: AbortSignal | undefined; maxWaitMs?: number | undefined } = {}): Promise<Permit<K>> {
    checkKeys('RateLimiterAll.acquire', options, ['signal', 'maxWaitMs'])
    const signal = checkSignal('signal', options.signal)
    const charges = this.#chargesFor(costs)
    signal?.throwIfAborted()
    // A limit whose tokens are there has nobody waiting: taking them passes nobody by.
    if (takeNow(charges).length === 0) return this.#grant(charges)
    checkBursts(charges)
    const held = reserveAll(charges, options)
    if (held.some(({ ticket }) => ticket.waitMs > 0)) await waitForAll(held, signal)
    return this.#grant(charges)
  }

  #grant(charges: readonly Charge<K>[]): Permit<K> {
    for (const { part } of charges) part.count('allowed')
    let isSettled = false
    return {
      settle: (actual) => {
        const corrections = this.#check('actual', actual)
        if (isSettled) return
        isSettled = true
        for (const { name, part, tokens } of corrections) {
          const paid = charges.find((charge) => charge.name === name)?.tokens ?? 0
          if (tokens < paid) part.bucket.refund(paid - tokens)
          else if (tokens > paid) part.bucket.charge(tokens - paid)
        }
      },
    }
  }

  /** What has to be taken where. Everything is checked before anything is taken. */
  #chargesFor(costs: Costs<K>): Charge<K>[] {
    const charges = this.#check('costs', costs)
    for (const { part } of charges) part.checkUsable()
    return charges.filter(({ tokens }) => tokens > 0)
  }

  #check(what: string, costs: Costs<K>): Charge<K>[] {
    const given: unknown = costs
    if (typeof given !== 'object' || given === null) {
      throw new TypeError(`${what} must be an object with a number of tokens for each limit; received ${describe(given)}`)
    }
    const charges: Charge<K>[] = []
    for (const [name, tokens] of Object.entries(given) as [K, unknown][]) {
      const part = this.#parts.get(name)
      if (part === undefined) throw new TypeError(`${what} names '${name}', which is no limit here (limits: ${[...this.#parts.keys()].join(', ')})`)
      if (tokens === undefined) continue
      charges.push({ name, part, tokens: checkNumber(`${what}.${name}`, tokens, { min: 0, max: MAX_BURST }) })
    }
    if (charges.length === 0) throw new RangeError(`${what} must name at least one limit (limits: ${[...this.#parts.keys()].join(', ')})`)
    return charges
  }
}

/** Throws when a cost could never be had. Where all tokens are there, none of them is beyond its burst: nobody needs to ask. */
function checkBursts(charges: readonly Charge<string>[]): void {
  for (const { name, part, tokens } of charges) checkNumber(`costs.${name}`, tokens, { min: 0, max: part.bucket.parameters().burstSize })
}

/** Takes every charge if all tokens are there, else none; returns the charges that lack them. */
function takeNow<K extends string>(charges: readonly Charge<K>[]): readonly Charge<K>[] {
  // Looking first means that a denial touches no limit, not even for a moment.
  const lacking = charges.filter(({ part, tokens }) => part.bucket.available() < tokens)
  if (lacking.length > 0) return lacking
  const failed = takeAll(charges)
  return failed === null ? [] : [failed]
}

/** Takes every charge or none; returns the one that failed, because another thread was faster. */
function takeAll<K extends string>(charges: readonly Charge<K>[]): Charge<K> | null {
  for (const [index, charge] of charges.entries()) {
    if (charge.part.bucket.tryAcquire(charge.tokens) === OUTCOME.granted) continue
    for (const { part, tokens } of charges.slice(0, index)) part.bucket.refund(tokens)
    return charge
  }
  return null
}

function reserveAll<K extends string>(charges: readonly Charge<K>[], options: WaitOptions): Held<K>[] {
  const held: Held<K>[] = []
  for (const charge of charges) {
    try {
      held.push({ ...charge, ticket: charge.part.reserve(charge.tokens, options) })
    } catch (error) {
      const longestMs = Math.max(...held.map(({ ticket }) => ticket.waitMs), ...charges.slice(held.length).map(waitNow))
      giveBack(held)
      if (!RateLimitExceeded.is(error)) throw error
      throw new RateLimitExceeded(`refused by '${charge.name}': ${error.message}`, { retryAfterMs: longestMs, limiterName: error.limiterName })
    }
  }
  return held
}

/** How long the tokens of a charge would take, in ms. */
function waitNow({ part, tokens }: Charge<string>): number {
  const { outcome, ticket } = part.bucket.reserve(tokens, 0)
  if (outcome === OUTCOME.granted) part.bucket.cancel(ticket, tokens)
  return ticket.waitMs
}

/** In the opposite order: what was taken last can always be given back whole. */
function giveBack(held: readonly Held<string>[]): void {
  for (const { part, ticket, tokens } of [...held].reverse()) part.bucket.cancel(ticket, tokens)
}

/** Waits in every limit's queue. When one wait fails, the others end and everything goes back. */
async function waitForAll(held: readonly Held<string>[], signal: AbortSignal | undefined): Promise<void> {
  const failed = new AbortController()
  const onAbort = (): void => failed.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const waits = held.map(async ({ part, ticket, tokens }) => {
    if (ticket.waitMs > 0) await part.wait(ticket, tokens, failed.signal)
  })
  for (const wait of waits) wait.catch((reason: unknown) => failed.abort(reason))
  const results = await Promise.allSettled(waits)
  signal?.removeEventListener('abort', onAbort)
  if (results.every(({ status }) => status === 'fulfilled')) return
  // A wait that failed has given its tokens back itself.
  giveBack(held.filter((_, index) => results[index]?.status === 'fulfilled'))
  throw failed.signal.reason
}
