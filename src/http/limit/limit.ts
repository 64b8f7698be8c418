import type { NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import type { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { encodedName, partName } from '../encoded-name.js'
import type { LimitState } from './decision.js'
import type { CompleteLimit, LimitKeyOptions, RequestNumber } from './limit-kinds.js'
import type { CompleteLimitOptions } from './limit-options.js'

/** The refusals of keys, and the blocks to which they lead. */
interface Bans {
  readonly window: KeyedWindow
  readonly windowMs: number
  readonly banAfter: number
}

/** One limit of a server, and its decisions about requests. */
export abstract class Limit<Request> {
  readonly name: string
  readonly key: LimitKeyOptions<Request>['key']
  /** How much it admits and in how many s, if that is the same for every request. */
  readonly terms: { readonly quota: number; readonly windowSeconds: number } | null
  /** The cost of a request; the results of a function are in the range `costs`. */
  readonly cost: RequestNumber<Request>
  readonly costs: NumberRange = { min: 0 }
  /** How much the limit has for a request. */
  readonly quota: RequestNumber<Request>
  readonly windowSeconds: number
  readonly bans: Bans | null = null

  constructor(
    { name, key }: CompleteLimit<Request>,
    cost: RequestNumber<Request>,
    quota: RequestNumber<Request>,
    windowSeconds: number,
  ) {
    this.name = name
    this.key = key
    this.cost = cost
    this.quota = quota
    this.windowSeconds = windowSeconds
    this.terms = typeof quota === 'number' ? { quota, windowSeconds } : null
  }

  /** Charges what was asked if there is room for it. */
  abstract take(asked: Asked): Standing
  /** Returns the charge of a request that was admitted `elapsedMs` ago and stood at `standing` then. */
  abstract giveBack(asked: Asked, standing: Standing, elapsedMs: number): void
  /** Returns the charge of a request that another limit refused, as if it had never been there. */
  abstract undo(asked: Asked, standing: Standing): void
  /** Where the key stands, and whether what is asked would be refused; charges nothing. */
  abstract look(asked: Asked): Standing
  /** Frees the place of a request that has ended. */
  ended?(standing: Standing): void
  /** Forgets what a key has used, and its block. */
  abstract reset(key: Key): void
  /** Refuses a key for so long. */
  abstract block(key: Key, ms: number): void

  /** The header fields for `standing`; `refused`: whether the request was. */
  state({ key, quota }: Asked, { count, resetMs }: Standing, refused: boolean): LimitState {
    const { name, windowSeconds } = this
    // This refusal may have begun a ban.
    const untilMs = Math.max(resetMs, refused ? this.bannedMs(key) : 0)
    return { name, quota, windowSeconds, remaining: Math.max(0, quota - count), resetMs: untilMs, refused }
  }

  /** Until a key is admitted that `banAfter` blocks; 0 for one that is not. ms */
  bannedMs(key: Key): number {
    if (this.bans === null) return 0
    const { refused, resetMs } = this.bans.window.look(key)
    return refused ? resetMs : 0
  }

  /** Counts a refusal. */
  refused(key: Key): void {
    if (this.bans === null) return
    const { window, windowMs, banAfter } = this.bans
    if (window.hit(key, { windowMs }).count >= banAfter) window.block(key, windowMs)
  }
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

export const GRANTED: Standing = { refused: false, count: 0, resetMs: 0 }

/** The place of a request under way. */
export interface Place {
  readonly slot: string
  /** When somebody else may take it, unless it is renewed before; 0 once it was left. */
  untilMs: number
}

/** Where the counts of a limit are. */
export type Shared = Pick<CompleteLimitOptions<never>, 'name' | 'scope' | 'capacity' | 'onFull' | 'clock'>

/** The counts of a limit, or with `what` another part of it. No limit can have the name of such a part, since a `%` in it becomes `%25`. */
export function placeOf(
  limit: string,
  { name, scope, capacity, onFull, clock }: Shared,
  what = '',
): Omit<Shared, 'name'> & { readonly name: string | undefined } {
  return { scope, capacity, onFull, clock, name: partName(name, `limit%${encodedName(limit)}${what}`) }
}
