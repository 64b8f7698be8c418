import { openProgressBar } from '../internal/text/progress-bar.js'
import { EarlierRuns, type RunIdentity } from './checkpoint-log.js'
import { Checkpoint } from './checkpoint.js'
import { DeadLetters } from './dead-letters.js'
import { ProgressMeter } from './progress.js'
import type { RecorderOptions, RunRecorder } from './recorder.js'

/** Opens all recorders in the options; if one cannot be opened, closes the others and throws. */
export async function openRecorders(options: RecorderOptions, identity: RunIdentity): Promise<RunRecorder[]> {
  const { checkpoint, deadLetter, progress, onProgress, hooks } = options
  const listeners = [onProgress, hooks?.onProgress].filter((listener) => listener !== undefined)
  const recorders: RunRecorder[] = []
  try {
    const log = checkpoint === undefined ? undefined : await Checkpoint.open(checkpoint, identity)
    if (log !== undefined) recorders.push(log)
    if (deadLetter !== undefined) recorders.push(await DeadLetters.open(deadLetter))
    const bar = progress === true ? await openProgressBar(process.stderr) : null
    if (bar !== null) listeners.push((state) => bar.update(state))
    if (listeners.length > 0) recorders.push(new ProgressMeter(identity.total, listeners, log))
    // After the meter, so that the bar's last state is the last of the run.
    if (bar !== null) recorders.push({ close: () => Promise.resolve().then(() => bar.stop()) })
    return recorders
  } catch (error) {
    for (const recorder of recorders) await recorder.close?.()
    throw error
  }
}

// Exported here so that it is loaded with the other parts that few programs need.
export { EarlierRuns }
