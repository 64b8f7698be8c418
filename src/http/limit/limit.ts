import type { NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { encodedName, partName } from '../encoded-name.js'
import type { LimitState } from './decision.js'
import type { LimitKeyOptions, RequestNumber } from './limit-kinds.js'
import type { CompleteLimitOptions } from './limit-options.js'

/** One limit of a server, and its decisions about requests. */
export interface Limit<Request> {
  readonly name: string
  readonly key: LimitKeyOptions<Request>['key']
  /** How much it admits and in how many s, if that is the same for every request. */
  readonly terms: { readonly quota: number; readonly windowSeconds: number } | null
  /** The cost of a request, and how much the limit has for it: numbers in these ranges, or functions of the request. */
  readonly cost: RequestNumber<Request>
  readonly costs: NumberRange
  readonly quota: RequestNumber<Request>
  /** Whether it ever blocks a key by itself. */
  readonly bans: boolean
  /** Charges what was asked if there is room for it. */
  take(asked: Asked): Standing
  /** Gives the charge of a request back that was admitted `elapsedMs` ago and stood at `standing` then. */
  giveBack(asked: Asked, standing: Standing, elapsedMs: number): void
  /** The same of a request that another limit refused: nobody is to see that it was taken here. */
  undo(asked: Asked, standing: Standing): void
  /** The request has ended. */
  ended?(standing: Standing): void
  /** Where the key stands, and whether what is asked would be refused; charges nothing. */
  look(asked: Asked): Standing
  /** The header fields for `standing`; `refused`: whether the request was. */
  state(asked: Asked, standing: Standing, refused: boolean): LimitState
  /** Until a key is admitted that `banAfter` blocks; 0 for one that is not. ms. */
  bannedMs(key: Key): number
  /** Counts a refusal. */
  refused(key: Key): void
  /** Forgets what a key has used, and its block. */
  reset(key: Key): void
  /** Refuses a key for so long. */
  block(key: Key, ms: number): void
}

/** A request's demand on a limit. */
export interface Asked {
  readonly key: Key
  readonly cost: number
  readonly quota: number
}

/** Where a key stands with one limit. */
export interface Standing {
  /** Whether what was asked was refused. */
  readonly refused: boolean
  /** Of a window: hits in it, and until it ends, in ms. A bucket is asked again by `state`. */
  readonly count: number
  readonly resetMs: number
  /** Of a limit of requests under way: the place that this one has. */
  readonly place?: Place
}

/** The place of a request under way. */
export interface Place {
  readonly slot: string
  /** When somebody else may take it, unless it is renewed before; 0 once it was left. */
  untilMs: number
}

/** Where the counts of a limit are. */
export type Shared = Pick<CompleteLimitOptions<never>, 'name' | 'scope' | 'capacity' | 'onFull' | 'clock'>

/**
 * The name of a limit's counts, or with `what` of another part of it. No made-up name can equal another limit's, since a `%` in it would be
 * written as `%25`.
 */
export function placeOf(
  limit: string,
  { name, scope, capacity, onFull, clock }: Shared,
  what = '',
): Omit<Shared, 'name'> & { readonly name: string | undefined } {
  return { scope, capacity, onFull, clock, name: partName(name, `limit%${encodedName(limit)}${what}`) }
}
