import { warnings } from '../internal/events/warnings.js'
import { runError } from '../internal/run-error.js'
import type { Piece } from './pieces.js'
import type { PlaceSettings } from './place-options.js'

/** If there are no workers for this long, `onNoWorkers` applies. */
const NO_WORKERS_MS = 10_000

/** Notices that there are no workers, or that all refuse the task; then `onNoWorkers` applies. */
export class WorkerWatch {
  /** Whether the run continues in this thread because there are no workers. */
  isAlone = false
  readonly #settings: PlaceSettings
  readonly #fail: (error: Error) => void
  readonly #workHere: () => Promise<void>
  #sinceMs: number | undefined = undefined
  #workers = 0

  /**
   * @param fail - ends the run
   * @param workHere - runs pieces that nobody has begun in this thread, until there are none or there are workers
   */
  constructor(settings: PlaceSettings, fail: (error: Error) => void, workHere: () => Promise<void>) {
    this.#settings = settings
    this.#fail = fail
    this.#workHere = workHere
  }

  /** @param workers - number of workers now */
  look(workers: number, pieces: Iterable<Piece>): void {
    // Nobody knows which workers have gone. The others will refuse again.
    if (workers < this.#workers) for (const { refusals } of pieces) refusals.clear()
    this.#workers = workers
    const refused = [...pieces].find(({ refusals }) => refusals.size > 0 && refusals.size >= workers)
    if (workers > 0 && refused === undefined) {
      this.#sinceMs = undefined
      this.isAlone = false
      return
    }
    const { clock, onNoWorkers } = this.#settings
    const nowMs = clock.now()
    this.#sinceMs ??= nowMs
    if (nowMs - this.#sinceMs < NO_WORKERS_MS) return
    const why =
      refused === undefined ? 'no worker is there' : `no worker takes it: ${[...refused.refusals.values()].join('; ')}`
    if (onNoWorkers === 'throw') this.#fail(runError(`the run cannot go on: ${why}`))
    else if (onNoWorkers === 'here') this.#continueHere()
    else warnings.once('AMORSIZE_RUN_WAITS', `a run waits for workers: ${why}; serveTasks() starts one`, this)
  }

  #continueHere(): void {
    if (this.isAlone) return
    this.isAlone = true
    void this.#workHere().finally(() => (this.isAlone = false))
  }
}
