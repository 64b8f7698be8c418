import { OUTCOME, type Outcome, type Position, type Survey, TwinTokenBucket } from '../../dist/memory/bucket/core.js'
import { type CallResult, generationOf, type Permit, TwinCircuitBreaker } from '../../dist/memory/breaker/core.js'
import { KeyedBuckets, type KeyedSurvey } from '../../dist/memory/keyed/core.js'
import type { KeyedTerms } from '../../dist/memory/keyed/terms.js'
import { SemaphoreCore } from '../../dist/memory/semaphore/core.js'
import { ADMISSION, type SemaphoreForm } from '../../dist/memory/semaphore/semaphore.js'
import type { SemaphoreTerms } from '../../dist/memory/semaphore/terms.js'
import { inUseOf, isQueued, payloadOf } from '../../dist/memory/semaphore/words.js'
import { BREAKER_PARAMETER, BUCKET, SEMAPHORE } from '../../dist/memory/shared/layout.js'
import { EXTEND, KeyedWindows } from '../../dist/memory/window/core.js'
import type { WindowTerms } from '../../dist/memory/window/terms.js'
import { FORCED } from './breaker-support.js'
import { BUSY, type Operation, SECOND_NS, type User } from './interrupted.js'

const orBusy = (outcome: Outcome): unknown => (outcome === OUTCOME.busy ? BUSY : outcome)
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export const BUCKET_KINDS = [
  ...(['tryAcquire', 'tryAcquire', 'charge', 'refund', 'reserve', 'reserve', 'cancel', 'remaining'] as const),
  ...(['update', 'update', 'update', 'pause', 'reset', 'available', 'parameters'] as const),
  ...(['survey', 'reserveRun', 'returnRun', 'timeUntil'] as const),
]
type BucketKind = (typeof BUCKET_KINDS)[number]

/** Knows the last reservation, survey and run. Generations are left out of what it tells: a change in vain may have taken one. */
export class BucketUser implements User<BucketKind> {
  readonly #words: BigInt64Array
  readonly #core: TwinTokenBucket
  #ticket: { at: Position; tokens: number } | undefined
  #survey: Survey | undefined
  #run = { generation: 0n, end: 0n, units: 0n }

  constructor(words: BigInt64Array) {
    this.#words = words
    this.#core = new TwinTokenBucket(words)
  }

  on(words: BigInt64Array): BucketUser {
    const copy = new BucketUser(words)
    copy.#ticket = this.#ticket
    copy.#survey = this.#survey
    copy.#run = this.#run
    return copy
  }

  apply(nowNs: bigint, [kind, tokens]: Operation<BucketKind>): unknown {
    const core = this.#core
    const ticket = this.#ticket
    switch (kind) {
      case 'tryAcquire':
      case 'charge':
        return core[kind](nowNs, tokens)
      case 'refund':
        return core.refund(nowNs, tokens) ?? BUSY
      case 'reserve': {
        const { outcome, waitNs, at } = core.reserve(nowNs, tokens, 2n * SECOND_NS)
        if (outcome === OUTCOME.granted) this.#ticket = { at, tokens }
        return [outcome, waitNs]
      }
      case 'cancel':
        return ticket && core.cancel(nowNs, ticket.at, ticket.tokens)
      case 'remaining':
        return ticket && core.remaining(nowNs, ticket.at).waitNs
      case 'update':
        return orBusy(core.update(nowNs, tokens * 3, tokens + 2))
      case 'pause':
        return orBusy(core.pause(nowNs, nowNs + BigInt(tokens) * SECOND_NS))
      case 'reset':
        return orBusy(core.reset(nowNs, tokens - 1))
      case 'available':
        return core.available(nowNs)
      case 'parameters':
        return { ...core.parameters(), generation: 0n }
      case 'survey':
        this.#survey = core.survey(nowNs)
        return this.#look(nowNs)
      case 'reserveRun': {
        if (this.#survey === undefined) return undefined
        const { generation, produced, burst } = this.#survey
        const units = (burst * BigInt(tokens)) / 6n
        const run = core.reserveRun(nowNs, generation, units, burst, produced + burst)
        if (run.outcome === OUTCOME.granted) this.#run = { generation, end: run.start + units, units }
        return run.outcome === OUTCOME.busy ? BUSY : run
      }
      case 'returnRun':
        return core.returnRun(nowNs, this.#run.generation, this.#run.end, this.#run.units) || BUSY
      case 'timeUntil':
        return core.timeUntil(nowNs, this.#run.generation, this.#run.end) ?? BUSY
    }
  }

  /** No claim is left. */
  state(nowNs: bigint): unknown {
    return [this.#look(nowNs), this.#words[BUCKET.claim]]
  }

  #look(nowNs: bigint): unknown {
    const { spent, produced, burst, ...rest } = this.#core.survey(nowNs)
    return { ...rest, base: 0n, generation: 0n, burst, free: produced - max(spent, produced - burst) }
  }
}

export const SEMAPHORE_KINDS = [
  ...([
    'tryAcquire',
    'acquire',
    'acquire',
    'release',
    'cancel',
    'grant',
    'update',
    'tryAcquireLow',
    'collect',
  ] as const),
]
type SemaphoreKind = (typeof SEMAPHORE_KINDS)[number]

/** Knows how many permits it has, of those that were handed over before. */
export class SemaphoreUser implements User<SemaphoreKind> {
  readonly #words: BigInt64Array
  readonly #form: SemaphoreForm
  readonly #owner: number
  readonly #core: SemaphoreCore
  #held: number

  constructor(words: BigInt64Array, form: SemaphoreForm, owner: number) {
    this.#words = words
    this.#form = form
    this.#owner = owner
    this.#core = new SemaphoreCore(words, form)
    this.#held = this.#core.held(owner)
  }

  on(words: BigInt64Array): SemaphoreUser {
    return new SemaphoreUser(words, this.#form, this.#owner)
  }

  apply(_nowNs: bigint, [kind, number]: Operation<SemaphoreKind>): unknown {
    if (kind === 'update') {
      const change = (terms: SemaphoreTerms): SemaphoreTerms => ({
        ...terms,
        most: number > 3 ? terms.most : number,
        maxQueue: number > 1 ? number - 3 : terms.maxQueue,
      })
      return this.#core.update(this.#owner, change)
    }
    if (kind === 'release' && this.#held-- <= 0) {
      this.#held = 0
      return undefined
    }
    const isLow = kind === 'tryAcquireLow'
    const answer = isLow ? this.#core.tryAcquire(this.#owner, true) : this.#core[kind](this.#owner)
    if ((kind.startsWith('try') && answer === true) || (kind === 'acquire' && answer === ADMISSION.admitted))
      this.#held++
    return answer
  }

  /** All but who has done what last: who uses limits that another is still changing may come before it is done, and is not the last then. */
  state(): unknown {
    const { hot, kind, maxConcurrent, maxQueue, shape, limit, terms } = SEMAPHORE
    const whole: readonly number[] = [kind, maxConcurrent, maxQueue, shape, limit, terms]
    return [...this.#words].map((word, index) => {
      if (whole.includes(index)) return word
      return index === hot ? [inUseOf(word), isQueued(word)] : payloadOf(word)
    })
  }
}

export const BREAKER_KINDS = [
  ...(['admit', 'admit', 'admit', 'admit', 'succeed', 'succeed', 'succeed', 'fail', 'fail', 'fail', 'fail'] as const),
  ...(['ignore', 'isolate', 'disable', 'metricsOnly', 'close', 'close', 'close', 'state', 'update', 'look'] as const),
]
type BreakerKind = (typeof BREAKER_KINDS)[number]

/** Knows all calls that were admitted. */
export class BreakerUser implements User<BreakerKind> {
  readonly #core: TwinCircuitBreaker
  readonly #permits: Permit[]

  constructor(words: BigInt64Array, permits: readonly Permit[] = []) {
    this.#core = new TwinCircuitBreaker(words)
    this.#permits = [...permits]
  }

  on(words: BigInt64Array): BreakerUser {
    return new BreakerUser(words, this.#permits)
  }

  apply(nowNs: bigint, [kind, number]: Operation<BreakerKind>): unknown {
    switch (kind) {
      case 'admit': {
        const { admitted, state, retryAfterNs, permit } = this.#core.admit(nowNs)
        if (admitted) this.#permits.push(permit)
        return [admitted, state, retryAfterNs, permit.place < 0]
      }
      case 'isolate':
      case 'disable':
      case 'metricsOnly':
      case 'close':
        return this.#core.force(FORCED[kind])
      case 'state':
        return this.#core.state(nowNs)
      case 'look':
        // Not the generation: the swap of an admission that comes to nothing counts, too.
        this.#core.keepUp()
        return [[...this.#core.parameters], this.#core.updates]
      case 'update': {
        // As the policy does: again until nothing else has come in between.
        for (;;) {
          const generation = generationOf(this.#core.keepUp())
          const wanted = this.#core.parameters.slice()
          wanted[BREAKER_PARAMETER.size]! -= wanted[BREAKER_PARAMETER.size]! > 1 ? 1 : 0
          wanted[BREAKER_PARAMETER.resetTimeoutMs]! += 10
          if (this.#core.update(generation, wanted, nowNs) === 0) return undefined
        }
      }
      default: {
        const permit = this.#permits.at(-1 - (number % 3))
        const result: CallResult = kind === 'succeed' ? 0 : kind === 'fail' ? 1 : 2
        // Which of two calls that end at once has opened the breaker depends on who is first to look.
        return permit && void this.#core.settle(permit, result, number % 2 === 0, nowNs)
      }
    }
  }

  /** How many failures open it from now on, or how many probes it admits. */
  state(nowNs: bigint): unknown {
    return Array.from({ length: 12 }, () => [this.apply(nowNs, ['admit', 1]), this.apply(nowNs, ['fail', 1])])
  }
}

export const KEYED_KINDS = [
  ...(['tryAcquire', 'tryAcquire', 'charge', 'refund', 'pause', 'reset', 'look'] as const),
  ...(['survey', 'reserveRun', 'returnRun'] as const),
]
type KeyedKind = (typeof KEYED_KINDS)[number]

/** The second has nothing in the 48 bits that tell keys apart. */
const HASHES = [0x1234_5678_9abc_def0n, 0xfedc_0000_0000_0000n]
const UNITS = 500_000n

/** Knows of either key the last run, and the last survey of its own: meanwhile another may make a slot for a key on its behalf. */
export class KeyedUser implements User<KeyedKind> {
  readonly #buckets: KeyedBuckets
  #isCopy = false
  readonly #surveys: KeyedSurvey[] = []
  readonly #runs: { readonly generation: bigint; readonly end: bigint }[] = []

  constructor(words: BigInt64Array, terms: KeyedTerms) {
    this.#buckets = new KeyedBuckets(words, terms)
  }

  on(words: BigInt64Array): KeyedUser {
    const copy = new KeyedUser(words, this.#buckets.terms)
    copy.#isCopy = true
    Object.assign(copy.#surveys, this.#surveys)
    Object.assign(copy.#runs, this.#runs)
    return copy
  }

  apply(nowNs: bigint, [kind, number]: Operation<KeyedKind>): unknown {
    const buckets = this.#buckets
    const key = number % 2
    const hash = HASHES[key]!
    switch (kind) {
      case 'tryAcquire':
      case 'charge':
      case 'refund':
      case 'look':
        return buckets[kind](nowNs, hash, 1 + number / 2)
      case 'pause':
        return buckets.pause(nowNs, hash, BigInt(number) * SECOND_NS)
      case 'reset':
        buckets.reset(nowNs, hash)
        return undefined
      case 'survey': {
        const survey = buckets.survey(nowNs, hash)
        if (!this.#isCopy) this.#surveys[key] = survey
        return [max(survey.spent, survey.produced - buckets.terms.burst), survey.roomNs]
      }
      case 'reserveRun': {
        const survey = this.#surveys[key]
        if (survey === undefined) return undefined
        const { generation, produced } = survey
        const run = buckets.reserveRun(nowNs, hash, generation, UNITS, 0n, produced + 4n * UNITS)
        if (run.outcome === OUTCOME.granted) this.#runs[key] = { generation, end: run.start + UNITS }
        return run.outcome === OUTCOME.busy ? BUSY : run
      }
      case 'returnRun': {
        const run = this.#runs[key]
        return run && buckets.returnRun(nowNs, hash, run.generation, run.end, number % 3 === 0 ? 0n : UNITS)
      }
    }
  }

  state(nowNs: bigint): unknown {
    const keys = [1, 2].map((key) => [this.apply(nowNs, ['look', key]), this.apply(nowNs, ['survey', key])])
    return [keys, this.#buckets.size(nowNs)]
  }
}

export const WINDOW_KINDS = ['hit', 'hit', 'extend', 'unhit', 'block', 'reset', 'look'] as const
type WindowKind = (typeof WINDOW_KINDS)[number]

/** Knows nothing but the keys. `clear` goes from key to key, and others may come between. */
export class WindowUser implements User<WindowKind> {
  readonly #windows: KeyedWindows

  constructor(words: BigInt64Array, terms: WindowTerms) {
    this.#windows = new KeyedWindows(words, terms)
  }

  on(words: BigInt64Array): WindowUser {
    return new WindowUser(words, this.#windows.terms)
  }

  apply(nowNs: bigint, [kind, number]: Operation<WindowKind>): unknown {
    const windows = this.#windows
    const hash = HASHES[number % 2]!
    switch (kind) {
      case 'hit':
        return windows.hit(nowNs, hash, 1500n, number, 4, EXTEND.never)
      case 'extend':
        return windows.hit(nowNs, hash, 500n, number, 2, EXTEND.double)
      case 'unhit':
        windows.unhit(nowNs, hash, number)
        return undefined
      case 'block':
        return windows.block(nowNs, hash, 500n * BigInt(number))
      case 'reset':
        windows.reset(hash)
        return undefined
      case 'look':
        return windows.look(nowNs, hash)
    }
  }

  state(nowNs: bigint): unknown {
    return [[1, 2].map((key) => this.apply(nowNs, ['look', key])), this.#windows.size(nowNs)]
  }
}
