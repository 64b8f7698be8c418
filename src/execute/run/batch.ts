/** Items with neighbouring indices that one lane has taken. */
export interface Batch {
  /** Index of the first item. */
  readonly start: number
  readonly items: ArrayLike<unknown>
  /** How often the first item has been tried before. */
  readonly attempts: number
  /** Whether a worker has died of one of them: each result is then reported before the next item starts. */
  readonly isCareful: boolean
}
