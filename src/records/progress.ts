import { notify } from '../internal/events/listeners.js'
import { type Clock, systemClock } from '../internal/time/clock.js'
import type { Checkpoint } from './checkpoint.js'
import type { Progress, RunRecorder } from './recorder.js'

/** Shortest time between two reports. The last one may come sooner. */
const INTERVAL_MS = 100
/** The rate is measured over this many reports, which take at least five seconds. */
const REMEMBERED = 50

/** Counts items and reports to listeners, at most ten times a second, and once more at the end. */
export class ProgressMeter implements RunRecorder {
  readonly #total: number | null
  readonly #listeners: readonly ((progress: Progress) => void)[]
  readonly #earlier: Pick<Checkpoint, 'has' | 'finishedCount'> | undefined
  readonly #clock: Clock
  readonly #startMs: number
  #completed = 0
  #failed = 0
  #restored = 0
  #lastMs: number
  /** Times of reports, and how many items this run had settled by then; the oldest first. */
  readonly #past: { readonly atMs: number; readonly settled: number }[] = []

  /**
   * @param total - number of items, null if it is not known
   * @param listeners - called with each report; one that throws changes nothing
   * @param earlier - which items earlier runs have finished; they count when this run comes to them, but not for the rate
   */
  constructor(
    total: number | null,
    listeners: readonly ((progress: Progress) => void)[],
    earlier?: Pick<Checkpoint, 'has' | 'finishedCount'>,
    clock: Clock = systemClock,
  ) {
    this.#total = total
    this.#listeners = listeners
    this.#earlier = earlier
    this.#clock = clock
    this.#startMs = this.#lastMs = clock.now()
    this.#past.push({ atMs: this.#startMs, settled: 0 })
  }

  itemTaken(index: number): void {
    if (this.#earlier?.has(index) !== true) return
    this.#restored++
    this.#completed++
    this.#reportWhenDue()
  }

  itemFinished(index: number): void {
    if (this.#earlier?.has(index) === true) return
    this.#completed++
    this.#reportWhenDue()
  }

  itemFailed(): void {
    this.#failed++
    this.#reportWhenDue()
  }

  close(): Promise<void> {
    this.#report(this.#clock.now())
    return Promise.resolve()
  }

  #reportWhenDue(): void {
    const nowMs = this.#clock.now()
    if (nowMs - this.#lastMs >= INTERVAL_MS) this.#report(nowMs)
  }

  #report(nowMs: number): void {
    this.#lastMs = nowMs
    const settled = this.#completed + this.#failed
    const total = this.#total === null ? null : Math.max(this.#total, settled)
    const itemsPerSecond = this.#rate(nowMs, settled - this.#restored)
    const toRestore = Math.max(0, (this.#earlier?.finishedCount ?? 0) - this.#restored)
    const left = total === null ? null : Math.max(0, total - settled - toRestore)
    const progress: Progress = {
      completed: this.#completed,
      failed: this.#failed,
      total,
      percent: total === null ? null : total === 0 ? 100 : (100 * settled) / total,
      itemsPerSecond,
      elapsedMs: nowMs - this.#startMs,
      etaMs: left === 0 ? 0 : left === null || itemsPerSecond === 0 ? null : (1000 * left) / itemsPerSecond,
    }
    for (const listener of this.#listeners) notify('onProgress', listener, progress)
  }

  #rate(nowMs: number, settled: number): number {
    const oldest = this.#past[0] as { atMs: number; settled: number }
    this.#past.push({ atMs: nowMs, settled })
    if (this.#past.length > REMEMBERED) this.#past.shift()
    const elapsedMs = nowMs - oldest.atMs
    return elapsedMs > 0 ? (1000 * (settled - oldest.settled)) / elapsedMs : 0
  }
}
