/** A decision and who made it. */
export interface RedisDecision {
  /** Whether the tokens were taken. */
  readonly allowed: boolean
  /** For a refusal: milliseconds after which the same may succeed; 0 otherwise. */
  readonly waitMs: number
  /** Tokens that were left, as far as is known here; null if nobody counts (`onUnavailable: 'open'`). */
  readonly remaining: number | null
  /**
   * 'lease': this thread, because of tokens in hand, callers that wait already, or a refusal that still applies; 'redis': the server;
   * 'fallback': `onUnavailable`.
   */
  readonly source: 'lease' | 'redis' | 'fallback'
}

/** A decision, with more than its caller learns. */
export interface Decided extends RedisDecision {
  /** Milliseconds for which the server refuses everybody, however few tokens a caller wants. */
  readonly nobodyMs?: number
  /** The error that a waiting caller gets. */
  readonly error?: unknown
}

/** A refusal without asking the server. */
export function refusedHere(waitMs: number): Decided {
  return { allowed: false, waitMs, remaining: 0, source: 'lease' }
}
