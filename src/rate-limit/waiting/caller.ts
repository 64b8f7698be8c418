import type { Linked } from '../../internal/linked-list.js'

/** A caller that waits for tokens. The line sets all fields except `tokens`. */
export abstract class Caller implements Linked<Caller> {
  previous: Caller | null = null
  next: Caller | null = null
  /** Place in the order of arrival across all threads; -1 if it has none yet. */
  place = -1
  units = 0
  /** `units` are counted in parts of 10^-digits of a token. */
  digits = NaN
  isCovered = false

  constructor(readonly tokens: number) {}

  /** Called once, when the tokens are the caller's; must not throw. */
  abstract admitted(): void
  /** Ends the wait without tokens; must not throw. */
  abstract refuse(reason: unknown): void
}
