import { type ExactTime, type GcraRequest, timeOfToken, timeOfTokens } from './gcra.js'
import { checkRate, type Rate, type RedisRateLimitChange } from './redis-limiter-options.js'

/** The current rate and burst of one limiter, which its next question uses. */
export class RateInUse {
  /** How often they were changed. */
  changes = 0
  requestsPerSecond!: number
  burstSize!: number
  /** The time that a token takes to come back, and a full bucket. */
  unit!: ExactTime
  full!: ExactTime

  constructor(rate: Rate) {
    this.#set(rate)
  }

  /** @throws {TypeError | RangeError} for numbers that are wrong or out of range; then nothing has changed */
  update(change: RedisRateLimitChange): void {
    const { requestsPerSecond = this.requestsPerSecond, burstSize = this.burstSize } = change
    this.#set(checkRate(requestsPerSecond, burstSize))
    this.changes++
  }

  /** How long it takes for tokens to come back, in milliseconds. */
  msOf(tokens: number): number {
    return (tokens / this.requestsPerSecond) * 1000
  }

  /** A question for tokens, with the current rate and burst. */
  request(most: number, least: number, pauseMs = 0): GcraRequest {
    return { most, least, unit: this.unit, full: this.full, pauseMs }
  }

  /** Rate and burst alone. */
  get shown(): Rate {
    const { requestsPerSecond, burstSize } = this
    return { requestsPerSecond, burstSize }
  }

  #set({ requestsPerSecond, burstSize }: Rate): void {
    this.requestsPerSecond = requestsPerSecond
    this.burstSize = burstSize
    this.unit = timeOfToken(requestsPerSecond)
    this.full = timeOfTokens(burstSize, this.unit)
  }
}
