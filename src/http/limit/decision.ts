/** Where one limit stands after a request. */
export interface LimitState {
  /** Its name in `limits`. */
  readonly name: string
  /** How much it admits: `max` of a window, `burstSize` of a bucket, `maxConcurrent`. */
  readonly quota: number
  /** In how long: of a bucket, until it is full again. Whole s; 0 of a limit of requests under way. */
  readonly windowSeconds: number
  /** How much is left. */
  readonly remaining: number
  /**
   * Until there is room for this request if it was refused, else until all is there again; of a bucket of which nothing is left, until the next
   * request fits, 0 for less than half a second. ms.
   */
  readonly resetMs: number
  /** Whether this limit is one that refuses it. */
  readonly refused: boolean
}

/** The decision about one request. */
export interface LimitDecision {
  /** Whether the request is admitted. */
  readonly allowed: boolean
  /** Whether the key is blocked by `banAfter`. */
  readonly banned: boolean
  /** Whose limits these are: the key of the first that refused, else of the first. */
  readonly key: string | number | bigint
  /** Every limit, in the order of `limits`. Of a banned key only those that ban it. */
  readonly limits: readonly LimitState[]
  /** When the request can be admitted: the longest of the limits that refused. ms; 0 when it was. */
  readonly retryAfterMs: number
  /** The status of the answer to a refused request. */
  readonly status: number
}
