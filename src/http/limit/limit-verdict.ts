import { answerOf } from '../../internal/options/predicate.js'
import { type HeaderSink, problemOf, type Refusal, type Verdict } from '../adapters/verdict.js'
import { warnOfFailure } from '../warnings.js'
import type { LimitDecision } from './decision.js'
import type { Asked, Limit, Standing } from './limit.js'
import type { CompleteLimitOptions } from './limit-options.js'
import type { RateHeaderWriter } from './rate-headers.js'

/** A request that was admitted, and what was charged for it. */
export interface Charge {
  /** By limit: what was asked, or null if it does not apply; where the key stood then. */
  readonly asked: readonly (Asked | null)[]
  readonly standings: readonly (Standing | null)[]
  readonly atMs: number
}

/** The part of a limiter that its verdict needs. */
export interface Limits<Request> {
  readonly options: CompleteLimitOptions<Request>
  readonly limits: readonly Limit<Request>[]
  /** Whether a limit counts requests under way. */
  readonly holds: boolean
  readonly writeRateHeaders: RateHeaderWriter
}

/** The decision about one request. */
export class LimitVerdict<Request extends object> implements Verdict<LimitDecision> {
  readonly settles: boolean
  readonly holds: boolean
  readonly #of: Limits<Request>
  readonly #request: Request
  readonly #decision: LimitDecision
  /** The charges to be settled once its status is known; null for none. */
  readonly #charge: Charge | null

  constructor(of: Limits<Request>, request: Request, decision: LimitDecision, charge: Charge | null) {
    this.#of = of
    this.#request = request
    this.#decision = decision
    this.#charge = charge
    this.settles = charge !== null && of.options.countIf !== undefined
    this.holds = charge !== null && of.holds
  }

  get refusal(): Refusal<LimitDecision> | null {
    const decision = this.#decision
    if (decision.allowed) return null
    const { status, limits, retryAfterMs } = decision
    const violated = limits.filter(({ refused }) => refused).map(({ name }) => name)
    const title = 'Request cannot be satisfied as assigned quota has been exceeded'
    const problem = problemOf('quota-exceeded', title, status, { 'violated-policies': violated })
    // At least one second, and never before the limit itself says so.
    return { decision, status, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)), problem }
  }

  /** Tells the client where it stands, as `headersWhen` says. */
  writeHeaders(sink: HeaderSink): void {
    const { headersWhen, dryRun } = this.#of.options
    const decision = this.#decision
    if (dryRun || (decision.allowed && headersWhen === 'refused')) return
    if (
      decision.allowed &&
      headersWhen === 'low' &&
      !decision.limits.some(({ remaining, quota }) => remaining < quota / 4)
    )
      return
    this.#of.writeRateHeaders(sink, decision.limits)
  }

  /** Gives the charge of a request back that does not count after all. */
  answered(status: number): void {
    const { countIf } = this.#of.options
    if (this.#charge === null || countIf === undefined) return
    try {
      if (answerOf('countIf', countIf(this.#request, status))) return
      const { asked, standings, atMs } = this.#charge
      const elapsedMs = this.#of.options.clock.now() - atMs
      standings.forEach((standing, n) => {
        if (standing !== null) limitAt(this.#of.limits, n).giveBack(asked[n] as Asked, standing, elapsedMs)
      })
    } catch (error) {
      warnOfFailure('countIf failed, and the request counts', error)
    }
  }

  /** Frees the places of a request that has ended. */
  ended(): void {
    try {
      this.#charge?.standings.forEach((standing, n) => {
        if (standing !== null) limitAt(this.#of.limits, n).ended?.(standing)
      })
    } catch (error) {
      // This runs in an event of the response, where an error would end the process.
      warnOfFailure('the place of a request could not be freed', error)
    }
  }
}

export function limitAt<Request>(limits: readonly Limit<Request>[], n: number): Limit<Request> {
  return limits[n] as Limit<Request>
}
