import type { Linked } from '../../internal/linked-list.js'

/** Somebody who waits for tokens. The line fills in the rest. */
export interface Caller extends Linked<Caller> {
  readonly tokens: number
  /** Called once, when the tokens are the caller's; must not throw. */
  admitted(): void
  /** Ends the wait without tokens; must not throw. */
  refuse(reason: unknown): void
  /** In the order of arrival over all threads. */
  place: number
  units: number
  /** In parts of a token that `units` are counted in. */
  digits: number
  isCovered: boolean
}
