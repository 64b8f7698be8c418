import type { Key } from '../keyed/hash.js'
import type { Extend } from './core.js'

/** What a key has after a call. `resetMs`: until its window or block is over; without room, until there is some. */
export interface WindowState {
  readonly count: number
  readonly resetMs: number
  readonly refused: boolean
  /** False: every slot the key could have is in use, and nothing was counted. */
  readonly hasRoom: boolean
}

/** A window for every key, as this thread sees it: through the addon, or through the TypeScript twin. */
export interface WindowTable {
  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState
  unhit(key: Key, hits: number): void
  block(key: Key, ms: number): WindowState
  look(key: Key): WindowState
  reset(key: Key): void
  clear(): void
  size(): number
  /** Lets go of its memory, where the addon has it. Nothing may be called afterwards. */
  letGo?(): void
}
