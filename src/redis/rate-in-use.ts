import { type ExactTime, type GcraRequest, timeOfToken, timeOfTokens } from './gcra.js'
import { checkRate, type Rate, type RedisRateLimitChange } from './redis-limiter-options.js'

/** The rate and burst of one limiter, as its next question will have them. */
export class RateInUse {
  /** How often it was changed. */
  changes = 0
  requestsPerSecond!: number
  burstSize!: number
  /** The time of a token, and of a full bucket. */
  unit!: ExactTime
  full!: ExactTime

  constructor(rate: Rate) {
    this.#set(rate)
  }

  /** @throws {TypeError | RangeError} when the new numbers are none, or out of range; then nothing has changed */
  update(change: RedisRateLimitChange): void {
    const { requestsPerSecond = this.requestsPerSecond, burstSize = this.burstSize } = change
    this.#set(checkRate(requestsPerSecond, burstSize))
    this.changes++
  }

  /** How long tokens take to come, in milliseconds. */
  msOf(tokens: number): number {
    return (tokens / this.requestsPerSecond) * 1000
  }

  /** A question for tokens, by rate and burst of now. */
  request(most: number, least: number, pauseMs = 0): GcraRequest {
    return { most, least, unit: this.unit, full: this.full, pauseMs }
  }

  /** Rate and burst alone, for people. */
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
