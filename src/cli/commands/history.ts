import { Command } from 'commander'
import { EXIT_FAILURE } from '../exit-codes.js'
import { type History, type MeasuredTimes, readHistory, type SavedRun, usualHistory } from '../history-file.js'
import { taskName } from '../items/task-argument.js'
import { machineLine } from '../machine.js'
import { numberThat } from '../numbers.js'
import { ratioOf, ratioText, type Ratio, type Verdict, verdictOf } from '../speed-ratio.js'
import { summarize } from '../statistics.js'
import { formatNumber, left, rangeText, right, tableOf, textTable } from '../text/table.js'
import { printable, stylesFor } from '../text/terminal.js'
import { percentage } from '../trial/flags.js'

interface HistoryFlags {
  readonly file?: string
  readonly json?: true
}

interface CompareFlags extends HistoryFlags {
  readonly tolerance: number
}

/** Makes the subcommand `amorsize history`. */
export function historyCommand(): Command {
  const command = new Command('history').description(
    'list, show and compare runs that were kept with --save (of bench, compare, execute, optimize and tune)',
  )
  withFile(command.command('list'))
    .description('every run, one per line')
    .action((flags: HistoryFlags) => {
      list(open(flags), flags)
    })
  withFile(command.command('show').argument('<run>', 'number of the run, or last', runNumber))
    .description('all figures of one run')
    .action((run: RunNumber, flags: HistoryFlags) => {
      show(pick(open(flags), run), flags)
    })
  withFile(
    command
      .command('compare')
      .argument('<first>', 'number of a run', runNumber)
      .argument('<second>', 'number of a later one, or last', runNumber),
  )
    .option('--tolerance <percent>', 'a change that is smaller is none', percentage, 5)
    .description('whether the second of two runs on the same items is slower')
    .addHelpText(
      'after',
      '\nFewer than four rounds of each tell nothing: measure with --rounds 4 or more.\n\nExit codes: 0 nothing is slower, 1 something is, or failure, 2 wrong usage.',
    )
    .action((first: RunNumber, second: RunNumber, flags: CompareFlags) => {
      const history = open(flags)
      process.exitCode = compare(pick(history, first), pick(history, second), flags)
    })
  return command
}

function withFile(command: Command): Command {
  return command
    .option('--file <file>', 'the history (default: that of this user)')
    .option('--json', 'print one JSON object per line instead of text')
}

type RunNumber = number | 'last'

function runNumber(text: string): RunNumber {
  const isNumber = (value: number): boolean => Number.isInteger(value) && value >= 1
  return text === 'last' ? text : numberThat(isNumber, "the number of a run, from 1, or 'last'")(text)
}

/** Reports lines that cannot be read and uses the others. */
function open({ file }: HistoryFlags): History {
  const history = readHistory(file ?? usualHistory())
  for (const { line, why } of history.bad)
    process.stderr.write(`amorsize: line ${line} of ${history.path} ${why}; it is left out\n`)
  return history
}

function pick({ runs, path }: History, number: RunNumber): SavedRun {
  const run = number === 'last' ? runs.at(-1) : runs[number - 1]
  if (run === undefined) throw new Error(`there is no run ${number} in ${path}; it has ${runs.length}`)
  return run
}

const taskKey = ({ task }: SavedRun): string => (task === null ? '' : `${task.url}#${task.export}`)
const taskText = ({ task }: SavedRun): string => (task === null ? '' : taskName(task))

function list({ runs }: History, { json }: HistoryFlags): void {
  if (json === true) {
    process.stdout.write(runs.map((run, i) => `${JSON.stringify({ run: i + 1, ...run })}\n`).join(''))
    return
  }
  const table = tableOf(
    [...runs.entries()],
    [
      right('run', ([i]) => String(i + 1)),
      left('at', ([, run]) => run.at),
      left('command', ([, run]) => run.command),
      left('task', ([, run]) => taskText(run)),
      right('items', ([, { items }]) => String(items?.count ?? '')),
      right('fastest', ([, { measured }]) => fastestText(measured)),
    ],
  )
  process.stdout.write(`${textTable(table, stylesFor(process.stdout).bold)}\n`)
}

function fastestText(measured: readonly MeasuredTimes[]): string {
  const medians = measured.map(({ samples, unit }) => ({ ms: summarize(samples).median, unit }))
  const [fastest] = medians.sort((a, b) => a.ms - b.ms)
  return fastest === undefined ? '' : `${formatNumber(fastest.ms)} ${fastest.unit}`
}

function show(run: SavedRun, { json }: HistoryFlags): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(run)}\n`)
    return
  }
  const figures = run.measured.map(({ what, unit, samples }) => ({ what, unit, ...summarize(samples) }))
  const table = tableOf(figures, [
    left('what', ({ what }) => what),
    right('median', ({ median, unit }) => `${formatNumber(median)} ${unit}`),
    right('lowest-highest', rangeText),
    right('samples', ({ samples }) => String(samples)),
  ])
  const items = run.items === null ? '' : ` on ${run.items.count} items`
  process.stdout.write(
    `${run.command} ${taskText(run)}${items}, ${run.at}, amorsize ${run.version}\n${machineLine(run.machine)}\n\n${textTable(table)}\n`,
  )
}

interface Change extends Ratio {
  readonly what: string
  readonly verdict: Verdict
}

function compare(first: SavedRun, second: SavedRun, { tolerance, json }: CompareFlags): number {
  refuseUnlike(first, second)
  const changes = second.measured.flatMap((after): Change[] => {
    const before = first.measured.find(({ what, unit }) => what === after.what && unit === after.unit)
    return before === undefined ? [] : [changeOf(before, after, tolerance / 100)]
  })
  if (changes.length === 0) throw new Error('the two runs have measured nothing that is the same')
  if (json === true) process.stdout.write(changes.map((change) => `${JSON.stringify(change)}\n`).join(''))
  else process.stdout.write(`${changes.map(changeLine).join('\n')}\n`)
  return changes.some(({ verdict }) => verdict === 'slower') ? EXIT_FAILURE : 0
}

function changeOf(before: MeasuredTimes, after: MeasuredTimes, tolerance: number): Change {
  const ratio = ratioOf(before.samples, after.samples)
  return { what: after.what, ...ratio, verdict: verdictOf(ratio, tolerance) }
}

const WORDS: Readonly<Record<Verdict, string>> = {
  slower: 'SLOWER',
  faster: 'faster',
  same: 'the same',
  unknown: 'cannot tell',
}

const changeLine = (change: Change): string =>
  `${printable(change.what)}: ${WORDS[change.verdict]}; it ${ratioText(change)}`

/** @throws {Error} when a comparison would be meaningless */
function refuseUnlike(first: SavedRun, second: SavedRun): void {
  if (first.command !== second.command)
    throw new Error(`one run is of ${first.command} and the other of ${second.command}: they cannot be compared`)
  const [a, b] = [first.items, second.items]
  if (a?.count !== b?.count)
    throw new Error(
      `one run had ${a?.count ?? 0} items and the other ${b?.count ?? 0}: only runs on the same items can be compared`,
    )
  if (a?.digest !== b?.digest)
    throw new Error(
      `both runs had ${a?.count ?? 0} items, but not the same ones: only runs on the same items can be compared`,
    )
  if ((a?.digest ?? null) === null && taskKey(first) !== taskKey(second))
    throw new Error(
      'nobody knows whether both runs had the same items, and they are of two tasks: only runs on the same items can be compared',
    )
  if (first.machine.cpu !== second.machine.cpu || first.machine.cores !== second.machine.cores)
    process.stderr.write('amorsize: the two runs are of different machines\n')
}
