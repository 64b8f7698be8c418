import type { Linked } from '../../internal/linked-list.js'

/** Somebody who waits for tokens. The line fills in the rest. */
export abstract class Caller implements Linked<Caller> {
  previous: Caller | null = null
  next: Caller | null = null
  /** In the order of arrival over all threads; -1: not yet. */
  place = -1
  units = 0
  /** In parts of a token that `units` are counted in. */
  digits = NaN
  isCovered = false

  constructor(readonly tokens: number) {}

  /** Called once, when the tokens are the caller's; must not throw. */
  abstract admitted(): void
  /** Ends the wait without tokens; must not throw. */
  abstract refuse(reason: unknown): void
}
