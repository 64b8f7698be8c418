import { FIRST_IN_FLIGHT, MOST_IN_FLIGHT as MOST } from '../schedule/timing.js'
import { RateWindow } from './rate-window.js'

/** Only failures make it fewer. */
const LEAST = 4
/** Twice the level must bring 1.6 times the rate to be worth it. */
const WORTH = 0.6
/** Of one rate to another. Windows differ by chance, so what follows from a difference asks for the more of it, the more it changes. */
const GAIN = {
  /** Below it more items in flight have made it slower, or other items have come. */
  slower: 0.8,
  /** If the rate of a held level is below this twice in a row, the level is sought again. */
  changed: 0.7,
  /** Below it so little that fewer than before might do, too. */
  little: 1.4,
  /** Fewer that keep so much of the rate do as well, … */
  kept: 0.9,
  /** … and those that keep so much are looked at once more, where items differ. */
  nearlyKept: 0.75,
} as const
/** A little more than Little's law asks for: where items differ the service is never idle. */
const SPARE = 1.1
/** Failures are too many above this share of the items, smoothed over so many. */
const TOO_MANY = 0.2
const SMOOTHED_OVER = 32
/** Items in a window, at least: enough to see their rate, or what share of them fails. */
const IN_WINDOW = { rate: 8, failures: 32 } as const
/** From a level that has held, the next one that is tried is so many times as high, or as low. */
const STEP = 1.5
/** Of the rate of a level that half of it has kept, so much is asked of the next half: small losses must not add up. */
const STILL_ASKED = 0.95
/** Windows between two tries of another level: at first, at most, and where there is no higher one to try. */
const PATIENCE = { least: 4, most: 128, highest: 64 }

type Phase = 'up' | 'back' | 'down' | 'relieve' | 'hold'

/** The rate measured at a level: items that succeeded per millisecond. */
interface LevelRate {
  readonly level: number
  readonly rate: number
}

/**
 * How many items to keep in flight. It doubles while that brings more items per second, goes down while fewer bring as many, and then
 * holds what keeps the service full. Only rates of neighbouring levels are compared, never one latency with another: latencies differ.
 *
 * Source: Little's law, and the search of BBR (Cardwell et al. 2016) by delivery rate.
 */
export class ConcurrencyLimit {
  /** Items that may be under way now; grows towards the level by one with each success. */
  limit: number
  readonly #first: number
  #level: number
  #phase: Phase = 'up'
  /** The level to compare with: the one below, the one above, or the same one a while ago. */
  #reference: LevelRate | undefined = undefined
  #window: RateWindow | undefined
  /** Whether the window only waits for the items of a higher level to settle. */
  #isSettling = false
  #hasBegun = false
  /** When the latest item has settled, and how many had been started by then. */
  #nowMs = 0
  #started = 0
  /** Items that are under way still, now that one has settled. */
  #inFlight = 0
  #patience = PATIENCE.least
  #held = 0
  #slowWindows = 0
  /** Whether a lower level is known to be slower. */
  #isFloorKnown = false
  #failing = 0
  #relief: { readonly level: number; readonly share: number } | undefined = undefined
  #changedMs = -Infinity
  #ignoresFailures = false

  /**
   * @param items - how many there are; fewer than 64 all start at once
   * @param found - the level that an earlier run has found: it is held at first; 64 where none has
   */
  constructor(items = Infinity, found?: number) {
    // A run of fewer items than were found best says nothing against it: others come after it.
    const first = found ?? Math.min(items, FIRST_IN_FLIGHT)
    this.limit = this.#level = this.#first = Math.max(1, Math.min(MOST, first))
    if (found === undefined) return
    this.#phase = 'hold'
    if (first >= MOST) this.#patience = PATIENCE.highest
  }

  /** The level that was found, for the next run; undefined while it is sought. */
  get found(): number | undefined {
    // A lower level was being tried: the one above it is known to be good.
    if (this.#phase === 'down') return this.#reference?.level
    return this.#phase === 'hold' || this.#level === MOST ? this.#level : undefined
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
    this.#nowMs = nowMs
    this.#started = started
    this.#inFlight = inFlight - 1
    // An item started before the level was lowered for failures does not show whether that has helped.
    if (failed && nowMs - ms < this.#changedMs) return
    this.#failing += (Number(failed) - this.#failing) / SMOOTHED_OVER
    const isSuccess = !failed || this.#ignoresFailures
    if (!isSuccess && this.#failing > TOO_MANY) {
      this.#relieve()
      return
    }
    if (isSuccess && this.limit < this.#level) this.limit++
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#window = new RateWindow(0, started, inFlight)
    }
    const window = this.#window
    if (window === undefined) {
      if (this.limit >= this.#level && inFlight <= this.#level + 1) this.#open()
      return
    }
    window.add(before, ms, inFlight, isSuccess)
    if (!window.isComplete(nowMs, this.#level, this.#phase === 'relieve' ? IN_WINDOW.failures : IN_WINDOW.rate)) return
    if (this.#isSettling || !window.wasFull(this.#level)) {
      this.#isSettling = false
      this.#open()
    } else {
      this.#decide(window)
    }
  }

  #decide(window: RateWindow): void {
    const rate = window.rate(this.#nowMs)
    if (window.meanMs < 1) {
      // Nothing to gain; and nothing that follows can be compared with it.
      this.#phase = 'up'
      this.#reference = undefined
      this.#open()
      return
    }
    switch (this.#phase) {
      case 'up':
        this.#decideHigher(window, rate)
        return
      case 'back':
        // Had the higher level made it slower, this one would be as fast as before: other items have come.
        if (rate < GAIN.slower * (this.#reference as LevelRate).rate) this.#restart()
        else this.#stopClimbing(1)
        return
      case 'down':
        this.#decideLower(window, rate)
        return
      case 'relieve':
        if (window.failedShare > (this.#relief?.share ?? 1) / 4) {
          this.#relieve()
        } else {
          this.#relief = undefined
          this.#patience = PATIENCE.most
          this.#hold(this.#level, rate)
        }
        return
      case 'hold':
        this.#decideHeld(rate)
    }
  }

  #decideHigher(window: RateWindow, rate: number): void {
    const low = this.#reference
    if (low !== undefined) {
      const gain = rate / low.rate
      if (gain < 1 + WORTH * (this.#level / low.level - 1)) {
        if (gain < GAIN.slower) this.#goTo(low.level, 'back', low)
        else if (!window.isRepeated && window.isSpread) this.#open(true)
        else this.#stopClimbing(gain)
        return
      }
      this.#isFloorKnown = true
      this.#patience = PATIENCE.least
    }
    if (this.#level === MOST) {
      this.#patience = PATIENCE.highest
      this.#hold(MOST, rate)
    } else {
      this.#goTo(2 * this.#level, 'up', { level: this.#level, rate })
    }
  }

  /** More in flight brings `gain` times the rate, which is too little: perhaps fewer would do, too. */
  #stopClimbing(gain: number): void {
    const low = this.#reference as LevelRate
    const rate = low.rate * Math.max(1, gain)
    this.#patience = Math.min(PATIENCE.most, 2 * this.#patience)
    if (gain < GAIN.little && low.level > LEAST)
      this.#goTo(low.level * (this.#isFloorKnown ? 1 / STEP : 1 / 2), 'down', { level: low.level, rate })
    else this.#hold(Math.min(this.#level, low.level * gain * SPARE), rate)
  }

  #decideLower(window: RateWindow, rate: number): void {
    const high = this.#reference as LevelRate
    const share = rate / high.rate
    if (share >= GAIN.kept) {
      const reference = { level: this.#level, rate: Math.max(rate, high.rate * STILL_ASKED) }
      if (this.#level <= LEAST) this.#hold(this.#level, reference.rate)
      else this.#goTo(this.#level / 2, 'down', reference)
    } else if (share > GAIN.nearlyKept && !window.isRepeated && window.isSpread) {
      this.#open(true)
    } else {
      this.#isFloorKnown = true
      this.#patience = Math.min(PATIENCE.most, 2 * this.#patience)
      // Little's law: so many keep the service as busy as the higher level did.
      this.#hold(Math.min(high.level, (this.#level / share) * SPARE), high.rate)
    }
  }

  #decideHeld(rate: number): void {
    const usual = this.#reference?.rate ?? rate
    this.#slowWindows = rate < GAIN.changed * usual ? this.#slowWindows + 1 : 0
    if (this.#slowWindows >= 2) {
      this.#restart()
      return
    }
    this.#reference = { level: this.#level, rate: usual + (rate - usual) / 4 }
    if (++this.#held < this.#patience) this.#open()
    else if (this.#level < MOST) this.#goTo(STEP * this.#level, 'up', this.#reference)
    else this.#goTo(this.#level / STEP, 'down', this.#reference)
  }

  /** Too many fail: back to the level before, or half. Where even a few fail, failures are results like others. */
  #relieve(): void {
    const low = this.#reference
    if (this.#level <= LEAST) {
      this.#ignoresFailures = true
      this.#level = this.#relief?.level ?? this.#first
      this.#restart()
      return
    }
    this.#relief ??= { level: this.#level, share: this.#failing }
    const isTry = low !== undefined && low.level < this.#level
    this.#failing = 0
    this.#changedMs = this.#nowMs
    this.#goTo(isTry ? low.level : this.#level / 2, 'relieve', undefined)
  }

  #restart(): void {
    this.#patience = PATIENCE.least
    this.#isFloorKnown = false
    this.#goTo(Math.max(this.#level, this.#first), 'up', undefined)
  }

  #hold(level: number, rate: number): void {
    this.#held = this.#slowWindows = 0
    this.#goTo(level, 'hold', { level, rate })
  }

  /** Nothing is cancelled: a lower level is reached when enough have settled, a higher one by one more for each success. */
  #goTo(level: number, phase: Phase, reference: LevelRate | undefined): void {
    this.#level = Math.max(1, Math.min(MOST, Math.round(level)))
    this.#isSettling = this.#level < this.limit
    this.limit = Math.min(this.limit, this.#level)
    this.#phase = phase
    this.#reference = reference
    this.#window = undefined
  }

  #open(isRepeated = false): void {
    this.#window = new RateWindow(this.#nowMs, this.#started, this.#inFlight, isRepeated)
  }
}
