import { Command, Option } from 'commander'
import { openProgressBar } from '../../internal/text/progress-bar.js'
import { systemInfo } from '../../system/index.js'
import { saveRun, withSaveFlag } from '../history-file.js'
import { requireItems } from '../items/run-flags.js'
import { type TaskArgument, taskArgument, taskName } from '../items/task-argument.js'
import { integerFrom } from '../numbers.js'
import { median } from '../statistics.js'
import { formatCount, formatNumber, left, rangeText, right, tableOf, textTable } from '../text/table.js'
import { type Styles, stylesFor } from '../text/terminal.js'
import { repeatableItems, type TrialFlags, withTrialFlags } from '../trial/flags.js'
import { type Measured, speedup, tune, type Tuning } from '../trial/tune-run.js'
import { optionsText } from '../trial/tune-ways.js'

interface TuneFlags extends TrialFlags {
  readonly mode?: 'serial' | 'async' | 'threads'
  readonly maxWorkers?: number
  readonly save?: string | true
}

/** Makes the subcommand `amorsize tune`. */
export function tuneCommand(): Command {
  const command = new Command('tune')
    .summary('run the items in every way there is, and say which was the fastest')
    .description(
      'Runs an exported function on the items in every way: in a loop, several at a time, and with each number of workers and several sizes of ' +
        'chunks. Each run has a process of its own. Prints how long each took, and the options of execute to paste.',
    )
    .addArgument(taskArgument())
  withSaveFlag(withTrialFlags(command, 3))
    .addOption(
      new Option('--mode <mode>', 'only ways of this kind, and the loop').choices(['serial', 'async', 'threads']),
    )
    .option(
      '--max-workers <n>',
      'most worker threads (default: what this machine has processors for)',
      integerFrom(1, 65_536),
    )
    .addHelpText(
      'after',
      `
The function runs on all items many times: give items that are like yours and few enough, and a function that may run so often.

Exit codes: 0 success, 1 the function or the items failed, or the loop did not end in time, 2 wrong usage.`,
    )
    .action(async (task: TaskArgument, flags: TuneFlags) => {
      requireItems(command, flags)
      const { count } = await repeatableItems(flags)
      const tuning = await tuneWithBar(task, flags, count)
      process.stdout.write(flags.json === true ? jsonLines(tuning) : reportOf(task, tuning, stylesFor(process.stdout)))
      saveRun(flags.save, {
        command: 'tune',
        task,
        items: { count, digest: tuning.itemsDigest },
        measured: tuning.ways
          .filter(({ ms }) => ms !== null)
          .map(({ name, samples }) => ({ what: name, unit: 'ms', samples })),
      })
    })
  return command
}

async function tuneWithBar(task: TaskArgument, flags: TuneFlags, items: number): Promise<Tuning> {
  const { rounds, limitMs, timeoutMs, range, mode } = flags
  const bar = await openProgressBar(process.stderr)
  const startMs = performance.now()
  try {
    return await tune({
      job: { task, items: flags.items, range, timeoutMs, limitMs },
      rounds,
      situation: { items, mode, maxWorkers: flags.maxWorkers ?? systemInfo().cpu.parallelism },
      onProgress(completed, total) {
        const elapsedMs = performance.now() - startMs
        const itemsPerSecond = (1000 * completed) / elapsedMs
        bar?.update({
          completed,
          failed: 0,
          total,
          itemsPerSecond,
          elapsedMs,
          etaMs: (1000 * (total - completed)) / itemsPerSecond,
        })
      },
    })
  } finally {
    bar?.stop()
  }
}

function jsonLines({ ways, best, loop, items }: Tuning): string {
  const lines = ways.map(({ name, way, ms, samples, failure }) => ({ name, options: way, ms, samples, failure }))
  const last = { items, best: { name: best.name, options: best.way, speedup: speedup(best, loop) } }
  return [...lines, last].map((line) => `${JSON.stringify(line)}\n`).join('')
}

const counted = (count: number, what: string): string => `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`

const BAR_COLUMNS = 24
const barText = (share: number): string => '█'.repeat(Math.max(1, Math.round(BAR_COLUMNS * share)))
/** A smaller gain is lost as soon as the items differ a little. */
const WORTH_PASTING_PERCENT = 5

function reportOf(task: TaskArgument, tuning: Tuning, styles: Styles): string {
  const { ways, items, loop } = tuning
  const slowest = Math.max(...ways.map(({ ms }) => ms?.median ?? 0))
  const table = tableOf(ways, [
    left('way', ({ name }) => name),
    right('ms', ({ ms }) => (ms === null ? '' : formatNumber(ms.median))),
    right('lowest-highest', ({ ms }) => (ms === null ? '' : rangeText(ms))),
    right('× loop', (way) => (way.ms === null ? '' : speedup(way, loop).toFixed(2))),
    left('', ({ ms, failure }) => (ms === null ? (failure ?? '') : barText(ms.median / slowest))),
  ])
  return [
    styles.bold(`${taskName(task)}, ${counted(items, 'item')}, ${counted(loop.samples.length, 'round')}`),
    '',
    textTable(table, styles.bold),
    '',
    ...adviceOf(tuning),
    '',
  ].join('\n')
}

function adviceOf({ best, loop, byItself, ways }: Tuning): string[] {
  const how =
    best === loop ? 'no way is faster than the loop' : `it is ${speedup(best, loop).toFixed(2)} × as fast as the loop`
  const close = closeTo(best, ways)
  return [
    `Best: ${best.name}; ${how}.`,
    ...(close === 0 ? [] : [`It cannot be told from ${counted(close, 'other way')}: more --rounds would.`]),
    `Options to paste: execute(task, items, ${optionsText(best.way)})`,
    ...(byItself === undefined || byItself.ms === null ? [] : [comparedWithItself(byItself, best)]),
  ]
}

/** How many ways the measurements cannot tell from the best, because the ranges overlap. */
function closeTo(best: Measured, ways: readonly Measured[]): number {
  return ways.filter(({ name, ms }) => name !== best.name && ms !== null && ms.min <= (best.ms?.max ?? 0)).length
}

function comparedWithItself(byItself: Measured, best: Measured): string {
  const percent = Math.round(100 * (median(byItself.samples) / median(best.samples) - 1))
  if (percent > WORTH_PASTING_PERCENT) return `Without options execute took ${percent} % longer.`
  return `Without options execute took ${percent > 0 ? `${percent} % longer` : 'no longer'}: leave them out.`
}
