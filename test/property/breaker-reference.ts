import { BREAKER_PARAMETER } from '../../dist/memory/shared/layout.js'

const MINUTE_MS = 60_000

interface Recorded {
  readonly atMs: number
  readonly failed: boolean
  readonly slow: boolean
}

/** A call that was admitted. `endMs`: when the lease of a probe ends. */
export interface ReferenceCall {
  readonly generation: number
  readonly isProbe: boolean
  readonly endMs: number
}

/** In the place of a probe that has succeeded, or failed. */
const SUCCEEDED: ReferenceCall = { generation: 0, isProbe: true, endMs: Infinity }
const FAILED: ReferenceCall = { ...SUCCEEDED }

/** What a circuit breaker promises, written as plainly as can be: lists of calls and one thread. Times are whole milliseconds from 0. */
export class ReferenceBreaker {
  state: 'closed' | 'open' | 'half-open' | 'isolated' = 'closed'
  generation = 1
  #untilMs = 0
  #reopenings = 0
  #probes: (ReferenceCall | null)[] = []
  #recorded: Recorded[] = []
  /** Transitions since it was made, the making included. */
  transitions = 1
  #parameters: Float64Array

  constructor(parameters: Float64Array) {
    this.#parameters = parameters
  }

  enter(nowMs: number): ReferenceCall | { refused: string; retryAfterMs: number } {
    if (this.state === 'open' && nowMs >= this.#untilMs) this.#become('half-open')
    if (this.state === 'open') return { refused: 'open', retryAfterMs: this.#untilMs - nowMs }
    if (this.state === 'isolated') return { refused: 'isolated', retryAfterMs: Infinity }
    if (this.state !== 'half-open') return { generation: this.generation, isProbe: false, endMs: Infinity }
    const places = Array.from({ length: this.#at('successThreshold') }, (_, place) => this.#probes[place] ?? null)
    // A probe whose lease has ended loses its place to the next one that comes by.
    const place = places.findIndex((probe) => probe === null || probe.endMs <= nowMs)
    if (place < 0) {
      const soonestMs = Math.min(...places.map((probe) => probe!.endMs)) - nowMs
      return { refused: 'half-open', retryAfterMs: soonestMs }
    }
    const probe = { generation: this.generation, isProbe: true, endMs: nowMs + 1 + this.#at('probeLeaseMs') }
    this.#probes[place] = probe
    return probe
  }

  settle(call: ReferenceCall, result: 0 | 1 | 2, slow: boolean, nowMs: number): void {
    if (call.generation !== this.generation || (call.isProbe && !this.#probes.includes(call))) return
    if (call.isProbe) this.#probes[this.#probes.indexOf(call)] = [SUCCEEDED, FAILED, null][result]!
    if (result === 2) return
    const failed = result === 1
    if (!call.isProbe) {
      this.#record({ atMs: nowMs, failed, slow })
    } else {
      const judged = this.#probes.filter((probe) => probe === SUCCEEDED || probe === FAILED)
      const failures = judged.filter((probe) => probe === FAILED).length
      if (failures > 0 && failures / this.#at('successThreshold') >= this.#at('probeFailureRate')) {
        this.#reopenings++
        this.#open(nowMs)
      } else if (judged.length === this.#at('successThreshold')) {
        this.#reopenings = 0
        this.#become('closed')
      }
    }
  }

  /** Returns whether it has happened; else it became half-open first. */
  update(parameters: Float64Array, nowMs: number): boolean {
    if (this.state === 'open' && nowMs >= this.#untilMs) {
      this.#become('half-open')
      return false
    }
    this.#parameters = parameters
    this.#begin()
    if (this.state === 'open') this.#untilMs = nowMs + this.#openMs()
    return true
  }

  force(state: 'closed' | 'isolated'): void {
    if (this.state === state) return
    this.#reopenings = 0
    this.#become(state)
  }

  #become(state: ReferenceBreaker['state']): void {
    this.state = state
    this.transitions++
    this.#begin()
  }

  #begin(): void {
    this.generation++
    this.#probes = []
    this.#recorded = []
  }

  #at(key: keyof typeof BREAKER_PARAMETER): number {
    return this.#parameters[BREAKER_PARAMETER[key]] as number
  }

  #open(nowMs: number): void {
    this.#become('open')
    this.#untilMs = nowMs + this.#openMs()
  }

  #openMs(): number {
    const ms = this.#at('resetTimeoutMs') * this.#at('resetTimeoutFactor') ** this.#reopenings
    return Math.min(ms, this.#at('maxResetTimeoutMs'))
  }

  #record(call: Recorded): void {
    const before = this.#recorded
    const isStale = (last: Recorded | undefined): boolean =>
      last !== undefined && Math.floor(call.atMs / MINUTE_MS) - Math.floor(last.atMs / MINUTE_MS) >= 60
    if (this.#at('mode') === 0 && !call.failed) this.#recorded = []
    else this.#recorded = [...(this.#at('mode') !== 2 && isStale(before.at(-1)) ? [] : before), call]
    if (this.#at('mode') === 1) this.#recorded = this.#recorded.slice(-this.#at('size'))
    if (this.#isOver(call.atMs)) this.#open(call.atMs)
  }

  #isOver(nowMs: number): boolean {
    if (this.#at('mode') === 0) return this.#recorded.length >= this.#at('size')
    const slice = (atMs: number): number => Math.floor(atMs / (this.#at('size') / 10))
    const counted =
      this.#at('mode') === 1 ? this.#recorded : this.#recorded.filter(({ atMs }) => slice(atMs) > slice(nowMs) - 10)
    const share = (of: 'failed' | 'slow'): number => counted.filter((each) => each[of]).length / counted.length
    if (counted.length < this.#at('minimumCalls')) return false
    return share('failed') >= this.#at('failureRate') || share('slow') >= this.#at('slowRate')
  }
}
