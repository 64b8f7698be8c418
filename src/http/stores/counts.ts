import { WINDOW } from '../../memory/shared/layout.js'
import type { HitOptions } from '../../rate-limit/keyed/keyed-window.js'

/** A value known at once, or later: a promise only if something behind it is one. */
export type MaybePromise<T> = T | Promise<T>

/** The result of `use` on it. */
export function after<T, R>(known: MaybePromise<T>, use: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return known instanceof Promise ? known.then(use) : use(known)
}

/** The count of a key. */
export interface Counted {
  /** Hits of this window, refused ones too; above the limit if this hit is refused. */
  readonly count: number
  /** Until the key has nothing counted, or as long as it is refused: until it is admitted again. Whole ms, never above the window's. */
  readonly resetMs: number
  readonly refused: boolean
}

/** Counts hits of keys. Keys are cut after 65,536 characters; a window of 0 ms or less is over immediately; a limit is any number. */
export interface Counts {
  /** Counts a hit; those beyond the limit are refused. */
  hit(key: string, windowMs: number, limit: number, extend?: HitOptions['extend']): MaybePromise<Counted>
  /** Counts a hit, and blocks a key that goes beyond the limit by it for `blockMs`; 0: it is refused until its window is over. */
  hitOrBlock(key: string, windowMs: number, limit: number, blockMs: number): MaybePromise<Counted>
  /** Takes a hit back. */
  unhit(key: string, windowMs: number, limit: number): MaybePromise<void>
  /** The count of a key, which stays as it is. */
  look(key: string, windowMs: number, limit: number): MaybePromise<Counted>
  /** Forgets a key. */
  reset(key: string): MaybePromise<void>
}

/** Above every limit: the count of a key that is refused whatever its limit is. */
export const BEYOND = Number.MAX_SAFE_INTEGER
const LONGEST_KEY = 65_536

export function cut(key: unknown): string {
  const text = typeof key === 'string' ? key : String(key)
  return text.length > LONGEST_KEY ? text.slice(0, LONGEST_KEY) : text
}

/** Whole ms; 0 only if it is over. */
export function wholeMs(ms: number): number {
  return ms > 0 ? Math.max(1, Math.floor(ms)) : 0
}

/** A limit as windows count: more hits than they count are no limit. */
export function wholeLimit(limit: number): number {
  return limit < WINDOW.mostCount ? Math.max(0, Math.floor(limit)) : WINDOW.mostCount
}

/** A hit of a window that is over at once. */
export function overAtOnce(limit: number): Counted {
  return { count: 1, resetMs: 0, refused: limit < 1 }
}
