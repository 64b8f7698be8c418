import type { Clock } from '../internal/clock.js'
import { openProgressBar, type ProgressBar } from '../internal/progress-bar.js'
import { Checkpoint } from './checkpoint.js'
import { EarlierRuns, type RunIdentity } from './checkpoint-log.js'
import { DeadLetters } from './dead-letters.js'
import { ProgressMeter } from './progress.js'
import type { CheckpointOptions, Progress, RunRecorder } from './recorder.js'

/** What a run is to keep account of. */
export interface Wanted {
  readonly checkpoint: CheckpointOptions | undefined
  readonly deadLetter: string | undefined
  /** Whether to show a bar on a terminal. */
  readonly progress: boolean
  readonly listeners: readonly ((progress: Progress) => void)[]
  readonly identity: RunIdentity
  readonly clock: Clock | undefined
}

/** Opens all that is wanted; when one cannot be, closes the others and throws. */
export async function openRecorders(wanted: Wanted): Promise<RunRecorder[]> {
  const { checkpoint, deadLetter, progress, identity, clock } = wanted
  const listeners = [...wanted.listeners]
  const recorders: RunRecorder[] = []
  try {
    const log = checkpoint === undefined ? undefined : await Checkpoint.open(checkpoint, identity)
    if (log !== undefined) recorders.push(log)
    if (deadLetter !== undefined) recorders.push(await DeadLetters.open(deadLetter))
    const bar = progress ? await openProgressBar(process.stderr) : null
    if (bar !== null) listeners.push((state) => bar.update(state))
    const wasFinished = log === undefined ? undefined : (index: number): boolean => log.has(index)
    if (listeners.length > 0)
      recorders.push(new ProgressMeter(identity.total, listeners, wasFinished, log?.finishedCount, clock))
    if (bar !== null) recorders.push(stopping(bar))
    return recorders
  } catch (error) {
    for (const recorder of recorders) await recorder.close?.()
    throw error
  }
}

/** Comes after the meter, so that the bar's last state is the last of the run. */
function stopping(bar: ProgressBar): RunRecorder {
  return {
    close: () => {
      bar.stop()
      return Promise.resolve()
    },
  }
}

export { EarlierRuns }
