import { warnings } from '../internal/events/warnings.js'
import { runError } from '../internal/run-error.js'
import type { Clock } from '../internal/time/clock.js'
import type { Piece } from './pieces.js'

/** Without workers for so long, the run does what `onNoWorkers` says. */
const NO_WORKERS_MS = 10_000

interface WatchSettings {
  readonly onNoWorkers: 'wait' | 'here' | 'throw'
  readonly clock: Clock
}

/** The acts of a run without workers. */
interface Alone {
  fail(error: Error): void
  /** Does here what nobody has begun; resolves when nothing is left, or workers are there. */
  workHere(): Promise<void>
}

/** Notices that no worker is there, or none takes the task, and does what `onNoWorkers` says. */
export class WorkerWatch {
  /** Whether the run is carried out here, as there is nobody else. */
  isAlone = false
  readonly #onNoWorkers: WatchSettings['onNoWorkers']
  readonly #clock: Clock
  readonly #run: Alone
  #sinceMs: number | undefined = undefined
  #workers = 0

  constructor({ onNoWorkers, clock }: WatchSettings, run: Alone) {
    this.#onNoWorkers = onNoWorkers
    this.#clock = clock
    this.#run = run
  }

  /** @param workers - that are there now */
  look(workers: number, pieces: Iterable<Piece>): void {
    // Nobody knows who has gone. Those that are still there refuse again.
    if (workers < this.#workers) for (const { refusals } of pieces) refusals.clear()
    this.#workers = workers
    const refused = [...pieces].find(({ refusals }) => refusals.size > 0 && refusals.size >= workers)
    if (workers > 0 && refused === undefined) {
      this.#sinceMs = undefined
      this.isAlone = false
      return
    }
    const nowMs = this.#clock.now()
    this.#sinceMs ??= nowMs
    if (nowMs - this.#sinceMs < NO_WORKERS_MS) return
    const why =
      refused === undefined ? 'no worker is there' : `no worker takes it: ${[...refused.refusals.values()].join('; ')}`
    if (this.#onNoWorkers === 'throw') this.#run.fail(runError(`the run cannot go on: ${why}`))
    else if (this.#onNoWorkers === 'here') this.#goOnHere()
    else warnings.once('AMORSIZE_RUN_WAITS', `a run waits for workers: ${why}; serveTasks() starts one`, this)
  }

  #goOnHere(): void {
    if (this.isAlone) return
    this.isAlone = true
    void this.#run.workHere().finally(() => {
      this.isAlone = false
    })
  }
}
