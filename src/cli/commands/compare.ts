import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../../internal/text/error-text.js'
import { saveRun, withSaveFlag } from '../history-file.js'
import { requireItems } from '../items/run-flags.js'
import { parseTask, type TaskArgument, taskArgument, taskName } from '../items/task-argument.js'
import { ratioOf, ratioText, verdictOf } from '../speed-ratio.js'
import { median } from '../statistics.js'
import { formatNumber } from '../text/table.js'
import { percentage, repeatableItems, type TrialFlags, withTrialFlags } from '../trial/flags.js'
import { runTrial, type Trial, type TrialJob, type Way } from '../trial/trial.js'

interface CompareFlags extends TrialFlags {
  readonly firstOptions?: Way
  readonly secondOptions?: Way
  readonly tolerance: number
  readonly save?: string | true
}

/** One of the two things that are compared. */
interface Side {
  readonly name: string
  readonly task: TaskArgument
  readonly way: Way
  readonly trials: Trial[]
}

/** Makes the subcommand `amorsize compare`. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .summary('run two functions, or one in two ways, on the same items, and say which is faster')
    .description(
      'Runs two exported functions on the same items, or one with two sets of options, in turn and each time in a process of its own. Says how ' +
        'many times as long the second takes, within which bounds, and whether the results are the same.',
    )
    .addArgument(taskArgument())
  command.argument('[second]', 'the other function; without it, the same with --second-options', parseTask)
  withSaveFlag(withTrialFlags(command, 7))
    .option('--first-options <json>', 'options of execute for the first: mode, workers, chunkSize', wayOf)
    .option('--second-options <json>', 'the same for the second', wayOf)
    .option('--tolerance <percent>', 'a difference that is smaller is none', percentage, 5)
    .addHelpText(
      'after',
      `
Example: amorsize compare './tasks.mjs#f' --range 1000 --first-options '{"mode":"serial"}' --second-options '{"mode":"threads","workers":2}'

Exit codes: 0 success, whichever is faster; 1 a function or the items failed, or a run did not end in time; 2 wrong usage.`,
    )
    .action(async (task: TaskArgument, other: TaskArgument | undefined, flags: CompareFlags) => {
      requireItems(command, flags)
      if (other === undefined && flags.secondOptions === undefined)
        command.error("error: say what to compare with: another function, or '--second-options <json>'")
      const { count } = await repeatableItems(flags)
      const sides = sidesOf(task, other ?? task, flags)
      await runInTurn(sides, flags)
      report(sides, count, flags)
    })
  return command
}

const KEYS = ['mode', 'workers', 'chunkSize']

/** Parses a way to run and refuses other keys; `execute` checks the values. */
function wayOf(text: string): Way {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON, such as '{"mode":"serial"}': ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgumentError(`It must be a JSON object, such as '{"mode":"serial"}'.`)
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no '${unknown}' among ${KEYS.join(', ')}.`)
  return value
}

function sidesOf(first: TaskArgument, second: TaskArgument, flags: CompareFlags): readonly [Side, Side] {
  const side = (task: TaskArgument, way: Way = {}): Side => {
    const options = Object.keys(way).length === 0 ? '' : ` ${JSON.stringify(way)}`
    return { name: `${taskName(task)}${options}`, task, way, trials: [] }
  }
  return [side(first, flags.firstOptions), side(second, flags.secondOptions)]
}

/** Each round runs both sides. The order alternates, so that neither always runs second. */
async function runInTurn(
  sides: readonly [Side, Side],
  { rounds, limitMs, items, range, timeoutMs }: CompareFlags,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const { name, task, way, trials } of round % 2 === 0 ? sides : [...sides].reverse()) {
      const job: TrialJob = { task, way, items, range, timeoutMs, limitMs }
      try {
        trials.push(await runTrial(job))
      } catch (error) {
        throw new Error(`${name}: ${messageOf(error)}`, { cause: error })
      }
    }
  }
}

const timesOf = ({ trials }: Side): number[] => trials.map(({ elapsedMs }) => elapsedMs)

function report(sides: readonly [Side, Side], count: number, flags: CompareFlags): void {
  const [first, second] = sides
  const ratio = ratioOf(timesOf(first), timesOf(second))
  const verdict = verdictOf(ratio, flags.tolerance / 100)
  const digests = sides.map(({ trials }) => trials[0]?.resultsDigest ?? null)
  const haveSameResults = digests.includes(null) ? null : digests[0] === digests[1]
  const medians = sides.map((side) => median(timesOf(side)))
  if (flags.json === true) {
    const lines = sides.map((side) => ({ name: side.name, options: side.way, samples: timesOf(side) }))
    for (const line of [...lines, { items: count, ...ratio, verdict, haveSameResults }])
      process.stdout.write(`${JSON.stringify(line)}\n`)
  } else {
    const figures = sides.map(
      ({ name }, i) => `${name}: ${formatNumber(medians[i] ?? 0)} ms (median of ${flags.rounds})`,
    )
    process.stdout.write([...figures, `The second ${ratioText(ratio)}: ${CONCLUSIONS[verdict]}.`, ''].join('\n'))
  }
  if (haveSameResults === false) process.stderr.write('amorsize: the results of the two are not the same\n')
  saveRun(flags.save, {
    command: 'compare',
    task: first.task,
    items: { count, digest: first.trials[0]?.itemsDigest ?? null },
    measured: sides.map((side) => ({ what: side.name, unit: 'ms', samples: timesOf(side) })),
  })
}

const CONCLUSIONS = {
  slower: 'it is slower',
  faster: 'it is faster',
  same: 'no clear difference',
  unknown: 'it cannot tell which is faster; try more --rounds',
} as const
