import { type Clock, timeOf } from '../../internal/time/clock.js'
import type { Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { cut } from '../stores/counts.js'
import type { LimitState } from './decision.js'
import { type Asked, GRANTED, Limit, type Place, placeOf, type Shared, type Standing } from './limit.js'
import type { CompleteConcurrentLimit } from './limit-kinds.js'

/** A named place becomes free so long after its process has died. ms */
const LEASE_MS = 10_000
const RENEW_MS = LEASE_MS / 4

/**
 * A limit of requests under way. Each place of a key is a key of its own, which is blocked while it is taken: a free place needs no room, and
 * the place of a process that dies becomes free by itself.
 */
export class ConcurrentLimit<Request> extends Limit<Request> {
  readonly #places: KeyedWindow
  readonly #clock: Clock
  /** Places of this object's own need no renewal: they end with it. */
  readonly #leaseMs: number
  readonly #held = new Set<Place>()
  #timer: unknown = undefined

  constructor(options: CompleteConcurrentLimit<Request>, shared: Shared) {
    super(options, 1, options.maxConcurrent, 0)
    this.#clock = shared.clock
    this.#leaseMs = shared.name === null ? WINDOW.mostMs : LEASE_MS
    this.#places = new KeyedWindow(placeOf(options.name, shared, '%places'))
  }

  take({ key, quota }: Asked): Standing {
    const block = this.#places.look(slotOf(key, 'block'))
    if (block.refused) return { ...block, count: quota }
    for (let n = 0; n < quota; n++) {
      const slot = slotOf(key, n)
      // A look leaves a taken place unchanged.
      if (this.#isTaken(slot)) continue
      const untilMs = timeOf(this.#clock) + this.#leaseMs
      if (!this.#places.count(slot, this.#leaseMs, 1, 1).refused)
        return { ...GRANTED, place: this.#hold({ slot, untilMs }) }
    }
    return { ...GRANTED, refused: true, count: quota }
  }

  giveBack(): void {
    // A request has its place until it ends, whether it counts or not.
  }

  undo(_: Asked, standing: Standing): void {
    this.ended(standing)
  }

  override ended({ place }: Standing): void {
    if (place === undefined || place.untilMs === 0) return
    this.#held.delete(place)
    // A place that was not renewed in time may be somebody else's by now.
    if (timeOf(this.#clock) < place.untilMs) this.#places.reset(place.slot)
    place.untilMs = 0
  }

  look({ key, quota }: Asked): Standing {
    const block = this.#places.look(slotOf(key, 'block'))
    if (block.refused) return { ...block, count: quota }
    const count = this.#taken(key, quota)
    return { ...GRANTED, count, refused: count >= quota }
  }

  override state(asked: Asked, standing: Standing, refused: boolean): LimitState {
    const { key, quota } = asked
    return super.state(asked, { ...standing, count: refused ? quota : this.#taken(key, quota) }, refused)
  }

  /** Ends a block. Requests under way keep their places. */
  reset(key: Key): void {
    this.#places.reset(slotOf(key, 'block'))
  }

  block(key: Key, ms: number): void {
    this.#places.block(slotOf(key, 'block'), ms)
  }

  #isTaken(slot: string): boolean {
    const { refused, count } = this.#places.look(slot)
    return refused || count > 0
  }

  #taken(key: Key, quota: number): number {
    let taken = 0
    for (let n = 0; n < quota; n++) if (this.#isTaken(slotOf(key, n))) taken++
    return taken
  }

  #hold(place: Place): Place {
    if (this.#leaseMs === LEASE_MS) this.#held.add(place)
    this.#renewLater()
    return place
  }

  #renewLater(): void {
    if (this.#timer !== undefined || this.#held.size === 0) return
    this.#timer = this.#clock.setTimeout(() => this.#renew(), RENEW_MS)
    ;(this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }

  #renew(): void {
    this.#timer = undefined
    const nowMs = timeOf(this.#clock)
    for (const place of this.#held) {
      if (nowMs >= place.untilMs) {
        this.#held.delete(place)
        continue
      }
      this.#places.block(place.slot, LEASE_MS)
      place.untilMs = nowMs + LEASE_MS
    }
    this.#renewLater()
  }
}

/** The key of one place of a key, or of its block; those of two keys are never equal. */
function slotOf(key: Key, what: number | 'block'): string {
  return cut(`${what} ${typeof key} ${String(key)}`)
}
