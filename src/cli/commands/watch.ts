import { watch } from 'node:fs'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { messageOf } from '../../internal/text/error-text.js'
import { MAX_TIMER_MS } from '../../internal/time/clock.js'
import { onSignals, STOP_SIGNALS } from '../end-signals.js'
import { EXIT_FAILURE } from '../exit-codes.js'
import { requireItems } from '../items/run-flags.js'
import { type TaskArgument, taskArgument } from '../items/task-argument.js'
import { integerFrom } from '../numbers.js'
import { ratioOf, ratioText, type Verdict, verdictOf } from '../speed-ratio.js'
import { median } from '../statistics.js'
import { formatNumber } from '../text/table.js'
import { percentage, repeatableItems, type TrialFlags, withTrialFlags } from '../trial/flags.js'
import { runTrial, type TrialJob } from '../trial/trial.js'

interface WatchFlags extends TrialFlags {
  readonly interval?: number
  readonly times?: number
  readonly tolerance: number
}

/** Makes the subcommand `amorsize watch`. */
export function watchCommand(): Command {
  const command = new Command('watch')
    .summary('measure a function again whenever its folder changes, and warn when it got slower')
    .description(
      'Measures an exported function on the items, and again whenever a module in its folder changes, or after each interval. Every look is compared ' +
        'with the first one; a change that chance can explain is none. If a module fails to load, it reports that and keeps watching.',
    )
    .addArgument(taskArgument())
  withTrialFlags(command, 5)
    .option('--interval <ms>', 'also measure again so long after the last time', integerFrom(100, MAX_TIMER_MS))
    .option('--times <n>', 'end after so many measurements', integerFrom(1, Number.MAX_SAFE_INTEGER))
    .option('--tolerance <percent>', 'a change that is smaller is none', percentage, 5)
    .addHelpText(
      'after',
      '\nExit codes: 0 ended by Ctrl-C, or the last measurement was not slower; 1 the last one was slower or failed; 2 wrong usage.',
    )
    .action(async (task: TaskArgument, flags: WatchFlags) => {
      requireItems(command, flags)
      await repeatableItems(flags)
      process.exitCode = await watchTask(task, flags)
    })
  return command
}

/** The result of one measurement. */
interface Look {
  readonly verdict: Verdict | 'first' | 'failed'
  readonly text: string
  readonly samples: readonly number[]
}

async function watchTask(task: TaskArgument, flags: WatchFlags): Promise<number> {
  const changes = new Changes(task, flags.interval)
  let baseline: readonly number[] | null = null
  let last: Look | undefined
  try {
    for (let time = 1; ; time++) {
      last = await look(task, flags, baseline)
      // Ctrl-C in a terminal also ends the measuring process, so its result does not count.
      if (changes.isOver) return 0
      if (last.verdict === 'first') baseline = last.samples
      tell(last, flags)
      if (time === flags.times) return last.verdict === 'slower' || last.verdict === 'failed' ? EXIT_FAILURE : 0
      if (!(await changes.next())) return 0
    }
  } finally {
    changes.close()
  }
}

async function look(task: TaskArgument, flags: WatchFlags, baseline: readonly number[] | null): Promise<Look> {
  const { rounds, limitMs, items, range, timeoutMs } = flags
  const job: TrialJob = { task, way: {}, items, range, timeoutMs, limitMs }
  const samples: number[] = []
  try {
    for (let round = 0; round < rounds; round++) samples.push((await runTrial(job)).elapsedMs)
  } catch (error) {
    return { verdict: 'failed', text: messageOf(error), samples }
  }
  const figure = `${formatNumber(median(samples))} ms (median of ${rounds})`
  if (baseline === null) return { verdict: 'first', text: `${figure}: what comes is compared with this`, samples }
  const ratio = ratioOf(baseline, samples)
  const verdict = verdictOf(ratio, flags.tolerance / 100)
  return { verdict, text: `${figure}: ${WORDS[verdict]}; it ${ratioText(ratio)}`, samples }
}

const WORDS: Readonly<Record<Verdict, string>> = {
  slower: 'SLOWER than at first',
  faster: 'faster than at first',
  same: 'as at first',
  unknown: 'cannot tell',
}

function tell({ verdict, text, samples }: Look, { json }: WatchFlags): void {
  const at = new Date().toISOString()
  process.stdout.write(
    json === true ? `${JSON.stringify({ at, verdict, text, samples })}\n` : `${at.slice(11, 19)}  ${text}\n`,
  )
}

const MODULES = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json'])
/** An editor may write a file several times. */
const SETTLE_MS = 100

/**
 * Calls `onChange` when a module in the folder of `url` changes.
 *
 * @returns a function that stops watching
 * @throws {Error} when there is no such folder
 */
function watchFolder(url: string, onChange: () => void): () => void {
  if (!url.startsWith('file:')) throw new Error(`only a module that is a file can be watched, not ${url}`)
  const folder = dirname(fileURLToPath(url))
  try {
    const watcher = watch(folder, (_event, file) => {
      if (file === null || MODULES.has(extname(file))) onChange()
    })
    return () => {
      watcher.close()
    }
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be watched: ${(error as Error).message}`, { cause: error })
  }
}

/** Waits until it is time to measure again: a module in the task's folder has changed, or the interval is over. */
class Changes {
  readonly #intervalMs: number | undefined
  readonly #close: () => void
  readonly #letGo: () => void
  #hasChanged = false
  #wake: (again: boolean) => void = () => undefined
  /** Whether a signal has asked the process to end. */
  isOver = false

  constructor({ url }: TaskArgument, intervalMs: number | undefined) {
    this.#intervalMs = intervalMs
    this.#close = watchFolder(url, () => {
      this.#hasChanged = true
      setTimeout(() => {
        this.#wake(true)
      }, SETTLE_MS).unref()
    })
    this.#letGo = onSignals(() => {
      this.isOver = true
      this.#wake(false)
    }, STOP_SIGNALS)
  }

  /** @returns false once a signal has asked the process to end */
  async next(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const again = await new Promise<boolean>((resolve) => {
      this.#wake = resolve
      if (this.#hasChanged) setTimeout(resolve, SETTLE_MS, true)
      if (this.#intervalMs !== undefined) timer = setTimeout(resolve, this.#intervalMs, true)
    })
    clearTimeout(timer)
    this.#wake = () => undefined
    this.#hasChanged = false
    return again
  }

  close(): void {
    this.#close()
    this.#letGo()
  }
}
