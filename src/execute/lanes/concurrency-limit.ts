import { FIRST_IN_FLIGHT, type LevelRate, MOST_IN_FLIGHT as MOST, type Search } from '../schedule/timing.js'

/** Only failures, or few items, make it fewer. */
const LEAST = 4
/** A window has at least this many items. */
const FEW = 8
/** Short items settle first, so a window waits until this part of the items that were under way when it opened has settled. */
const ROUND = 7 / 8
/** Twice the level must bring this many times the rate. Where a level that is held brings that much less, the items have changed. */
const WORTH = 1.4
/** A lower level that keeps this part of the rate does as well; and a level is reached when this part of it is under way. */
const KEPT = 0.9
/** A little more than Little's law asks for: where items differ the service is never idle. */
const SPARE = 1.1
/** From a level that has held, the next one that is tried is so many times as high, or as low. */
const STEP = 1.5
/** Failures are too many above this share of the items. */
const TOO_MANY = 0.2
/** For how many windows a level is held until another is tried: at first, at most within a run, and at the start of a new run. */
const PATIENCE = { least: 4, most: 64, again: 16 } as const

/**
 * How many items to keep in flight. It doubles while that brings more items per second, halves while half brings as many, and then holds what
 * keeps the service full. Only rates of neighbouring levels are compared, never one latency with another: latencies differ.
 *
 * Source: Little's law, and the search of BBR (Cardwell et al. 2016) by delivery rate.
 */
export class ConcurrencyLimit {
  /** Items that may be under way now; grows towards the level by one with each success. */
  limit: number
  readonly #most: number
  #search: Search
  /** When the latest item settled, how many items had been started by then, and how many were under way. */
  #nowMs = 0
  #started = 0
  #inFlight = 0
  /** When the window opened; undefined until the level is reached. */
  #fromMs: number | undefined = undefined
  /** How many of the items that were under way then have yet to settle. */
  #old = 0
  /** How many items had been started then. */
  #startedBefore = 0
  /**
   * The item with which the window may close; -1 once it has settled. Items that are started together settle together, so from an item to the one that
   * takes its place it is a whole number of such bunches.
   */
  #last = 0
  #settled = 0
  #succeeded = 0
  #sumMs = 0
  /** After the level was lowered: the first item that shows its effect; Infinity until the lower level is reached. */
  #firstLower = 0
  /** Windows in a row that were worse. */
  #worse = 0
  #failing = 0
  #changedMs = -Infinity
  /** The search before its level was lowered for failures, until that is seen to have helped. */
  #before: Search | undefined = undefined
  #ignoresFailures = false

  /**
   * @param items - how many there are; fewer than 64 all start at once
   * @param found - how far an earlier run has come
   */
  constructor(items = Infinity, found?: Search) {
    this.#most = Math.max(1, Math.min(MOST, items))
    const level = Math.min(this.#most, FIRST_IN_FLIGHT)
    // A run of fewer items than the best level says nothing against that level: later runs may have more.
    this.#search =
      found === undefined
        ? { level, phase: 'up', patience: 0, held: 0, isLowerNext: false }
        : { ...found, patience: Math.min(PATIENCE.again, found.patience) }
    this.limit = this.#search.level
  }

  /** How far the search has come, for the next run. */
  get found(): Search {
    return this.#before ?? this.#search
  }

  /**
   * An item has settled.
   *
   * @param nowMs - on a clock that is 0 when the first item is started
   * @param ms - since the item was started
   * @param inFlight - items under way, this one included, and those that only wait for a turn of the event loop
   * @param before - how many items were started before this one
   * @param started - how many were started so far, and those that only wait for a turn
   */
  settled(nowMs: number, ms: number, inFlight: number, failed: boolean, before: number, started: number): void {
    const { level } = this.#search
    const isFirst = this.#started === 0
    this.#started = started
    this.#inFlight = inFlight
    if (isFirst) this.#open(started - 1)
    this.#nowMs = nowMs
    // An item started before the level was lowered for failures does not show whether that has helped.
    if (failed && nowMs - ms < this.#changedMs) return
    this.#failing += (Number(failed) - this.#failing) / (4 * FEW)
    const isSuccess = !failed || this.#ignoresFailures
    if (!isSuccess && this.#failing > TOO_MANY) {
      this.#relieve()
      return
    }
    if (isSuccess && this.limit < level) this.limit++
    if (this.#fromMs === undefined) {
      if (this.limit < level || inFlight > level + 1) return
      if (this.#firstLower === Infinity) this.#firstLower = started
      if (before >= this.#firstLower) this.#open()
      return
    }
    this.#settled++
    if (before < this.#startedBefore) this.#old--
    if (isSuccess) {
      this.#succeeded++
      this.#sumMs += ms
    }
    const isEnough = this.#settled >= (this.#before === undefined ? FEW : 4 * FEW)
    if (before === this.#last) this.#last = isEnough ? -1 : started
    // An item that hangs does not hold the window open.
    if ((this.#last < 0 && this.#old <= 0) || this.#settled >= FEW * level) this.#judge()
  }

  /** A window has closed. */
  #judge(): void {
    if (this.#before !== undefined && this.#succeeded < (1 - TOO_MANY / 4) * this.#settled) {
      this.#relieve()
      return
    }
    this.#before = undefined
    const rate = this.#succeeded / Math.max(1e-3, this.#nowMs - (this.#fromMs ?? 0))
    const { level, phase, reference = { level, rate } } = this.#search
    if (this.#sumMs < this.#succeeded) {
      // Below 1 ms there is nothing to gain; and nothing that follows can be compared with it.
      this.#search = { ...this.#search, phase: 'up', reference: undefined }
      this.#open()
    } else if (phase === 'hold') this.#goOnHolding(rate, reference)
    else if (phase === 'up') this.#decideHigher(rate, reference)
    else this.#decideLower(rate, reference)
  }

  #decideHigher(rate: number, low: LevelRate): void {
    const { level, patience } = this.#search
    const gain = rate / low.rate
    const hasPaid = level > low.level
    if (gain < 1 + (WORTH - 1) * (level / low.level - 1)) {
      // The first window of a run includes its beginning, so a level that seems to bring too little is measured twice.
      if (gain > 1 && this.#worse++ === 0) this.#open()
      else this.#holdAfter(Math.min(level, low.level * Math.max(1, gain)), low.rate * Math.max(1, gain), true)
    } else if (level < this.#most) this.#goTo(2 * level, 'up', { level, rate }, hasPaid ? PATIENCE.least : patience)
    else this.#hold({ level, rate }, level === MOST ? PATIENCE.most : hasPaid ? PATIENCE.least : 0, true)
  }

  #decideLower(rate: number, high: LevelRate): void {
    const { level } = this.#search
    const best = Math.max(rate, high.rate)
    // Little's law: this many keep the service as busy as the higher level did.
    if (rate < KEPT * high.rate)
      this.#holdAfter(Math.min(high.level, ((level * high.rate) / rate) * SPARE), high.rate, false)
    else if (level <= LEAST) this.#holdAfter(level, best, false)
    else this.#goTo(level / 2, 'down', { level, rate: best })
  }

  #goOnHolding(rate: number, usual: LevelRate): void {
    const { level, patience, held } = this.#search
    this.#worse = rate * WORTH < usual.rate ? this.#worse + 1 : 0
    const reference = { level, rate: usual.rate + (rate - usual.rate) / 4 }
    this.#search = { ...this.#search, held: held + 1, reference }
    if (this.#worse >= 2) this.#seekAgain()
    else if (this.#worse > 0 || held + 1 < patience) this.#open()
    else this.#try(reference)
  }

  /** A level was tried in vain. The next one to be tried is the neighbour on the other side. */
  #holdAfter(level: number, rate: number, isLowerNext: boolean): void {
    const { patience } = this.#search
    const isFirst = patience === 0 && isLowerNext
    this.#hold(
      { level, rate },
      isFirst ? 0 : Math.min(PATIENCE.most, Math.max(PATIENCE.least, 2 * patience)),
      isLowerNext,
    )
  }

  #hold(at: LevelRate, patience: number, isLowerNext: boolean): void {
    this.#search = { level: at.level, phase: 'hold', patience, held: 0, isLowerNext }
    if (patience === 0) this.#try(at)
    else this.#goTo(at.level, 'hold', at)
  }

  #try(at: LevelRate): void {
    const { patience, isLowerNext } = this.#search
    const step = patience === 0 ? 2 : STEP
    if (at.level > LEAST && (isLowerNext || at.level >= this.#most)) this.#goTo(at.level / step, 'down', at)
    else if (at.level < this.#most) this.#goTo(at.level * step, 'up', at)
    else this.#goTo(at.level, 'hold', at, PATIENCE.least)
  }

  #seekAgain(): void {
    this.#search = { ...this.#search, isLowerNext: false }
    this.#goTo(this.#search.level, 'up', undefined, 0)
  }

  /** Too many fail: back to the level before, or half. Where even a few fail, failures are results like others. */
  #relieve(): void {
    const { level, reference } = this.#search
    this.#before ??= this.#search
    this.#failing = 0
    this.#changedMs = this.#nowMs
    if (level > LEAST) {
      const isTry = reference !== undefined && reference.level < level
      this.#goTo(isTry ? reference.level : level / 2, 'hold', undefined, PATIENCE.most)
      return
    }
    this.#ignoresFailures = true
    this.#search = this.#before
    this.#before = undefined
    this.#seekAgain()
  }

  /** Nothing is cancelled: a lower level is reached when enough have settled, a higher one by one more for each success. */
  #goTo(to: number, phase: Search['phase'], reference: LevelRate | undefined, patience = this.#search.patience): void {
    const level = Math.max(1, Math.min(this.#most, Math.round(to)))
    this.#search = { ...this.#search, level, phase, reference, patience, held: 0 }
    this.#firstLower = level < this.limit ? Infinity : 0
    this.limit = Math.min(this.limit, level)
    this.#fromMs = undefined
    this.#worse = 0
  }

  /** A window opens, unless the source gives too few items to keep the level. */
  #open(last = this.#started): void {
    this.#fromMs = this.#inFlight < KEPT * this.#search.level ? undefined : this.#nowMs
    this.#startedBefore = this.#started
    this.#last = last
    this.#old = this.#inFlight * ROUND
    this.#settled = this.#succeeded = this.#sumMs = 0
  }
}
