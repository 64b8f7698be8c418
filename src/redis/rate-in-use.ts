import { type ExactTime, timeOfToken, timeOfTokens } from './gcra.js'
import { checkRate, type RedisRateLimitChange } from './redis-limiter-options.js'

/** The rate and burst of one limiter, as its next question will have them. */
export class RateInUse {
  requestsPerSecond: number
  burstSize: number
  /** What a token takes, and a full bucket. */
  unit: ExactTime
  full: ExactTime
  /** Whether it was changed: then others may still count by what it was, and nobody need be told. */
  hasChanged = false

  constructor(requestsPerSecond: number, burstSize: number) {
    this.requestsPerSecond = requestsPerSecond
    this.burstSize = burstSize
    this.unit = timeOfToken(requestsPerSecond)
    this.full = timeOfTokens(burstSize, this.unit)
  }

  /** @throws {TypeError | RangeError} when the new numbers are none, or out of range; then the old ones stay */
  change({ requestsPerSecond = this.requestsPerSecond, burstSize = this.burstSize }: RedisRateLimitChange): void {
    checkRate(requestsPerSecond, burstSize)
    this.requestsPerSecond = requestsPerSecond
    this.burstSize = burstSize
    this.unit = timeOfToken(requestsPerSecond)
    this.full = timeOfTokens(burstSize, this.unit)
    this.hasChanged = true
  }

  /** How long tokens take to come, in milliseconds. */
  msOf(tokens: number): number {
    return (tokens / this.requestsPerSecond) * 1000
  }

  /** Rate and burst alone, for people. */
  get shown(): { readonly requestsPerSecond: number; readonly burstSize: number } {
    const { requestsPerSecond, burstSize } = this
    return { requestsPerSecond, burstSize }
  }
}
