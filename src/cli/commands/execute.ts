import { Command, Option } from 'commander'
import { stream, type Progress, type StreamOptions } from '../../index.js'
import { openProgressBar } from '../../internal/text/progress-bar.js'
import { EXIT_FAILURE } from '../exit-codes.js'
import { saveRun, withSaveFlag } from '../history-file.js'
import { type FailedItem, failureOf } from '../items/failed-item.js'
import { Interruption } from '../items/interruption.js'
import { type ItemsInput, itemsInput } from '../items/items-input.js'
import { loadFailure } from '../items/load-failure.js'
import { resultLine } from '../items/result-line.js'
import { OutputClosedError, type ResultsOutput, resultsOutput } from '../items/results-output.js'
import { type RunFlags, requireItems, runOptions, withRunFlags } from '../items/run-flags.js'
import { type TaskArgument, taskArgument } from '../items/task-argument.js'

interface ExecuteFlags extends RunFlags {
  readonly out: string
  readonly progress?: true
  readonly checkpoint?: string
  readonly name?: string
  readonly onError: 'throw' | 'collect'
  readonly deadLetter?: string
  readonly save?: string | true
}

/** Makes the subcommand `amorsize execute`. */
export function executeCommand(): Command {
  const command = new Command('execute')
    .summary('run a function on each item, as fast as this machine can')
    .description(
      'Runs an exported function on each item, in this thread or in several, whichever is faster, and writes the results in the order ' +
        'of the items, one JSON value per line. Memory stays bounded, however many there are.',
    )
    .addArgument(taskArgument())
  return withSaveFlag(withRunFlags(command))
    .option('--out <file>', "where the results go; '-' for standard output", '-')
    .option('--progress', 'show a bar with rate and time left, where standard error is a terminal')
    .option('--checkpoint <dir>', 'keep what is finished in this folder, and go on from there')
    .option('--name <name>', 'name of the checkpoint in its folder')
    .addOption(
      new Option(
        '--on-error <what>',
        "'throw': the first item that fails ends the run; 'collect': all run, and a line says how each ended",
      )
        .choices(['throw', 'collect'])
        .default('throw'),
    )
    .option('--dead-letter <file>', 'append a JSON line for each item that failed')
    .addHelpText(
      'after',
      `
The output is written to <file>.partial and takes its name when it is complete. Interrupted by Ctrl-C, the run finishes what it
has begun; the second Ctrl-C ends it at once. With --checkpoint, the same command then goes on where the run ended, however that
came about, and ends with the same output as an unbroken run.

Exit codes: 0 all items have results, 1 an item failed or the run could not go on, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (task: TaskArgument, flags: ExecuteFlags) => {
      requireItems(command, flags)
      if (flags.name !== undefined && flags.checkpoint === undefined)
        command.error("error: option '--name' needs '--checkpoint <dir>'")
      process.exitCode = await runExecute(task, flags)
    })
}

async function runExecute(task: TaskArgument, flags: ExecuteFlags): Promise<number> {
  const input = await itemsInput(flags)
  const output = await resultsOutput(flags.out)
  const bar =
    flags.progress === true && !(flags.out === '-' && process.stdout.isTTY)
      ? await openProgressBar(process.stderr)
      : null
  const interruption = new Interruption()
  const startMs = performance.now()
  let last: Progress | undefined
  let failure: FailedItem | undefined
  const options: StreamOptions = {
    ...runOptions(flags),
    onError: flags.onError,
    deadLetter: flags.deadLetter,
    checkpoint: flags.checkpoint === undefined ? undefined : { dir: flags.checkpoint, name: flags.name },
    signal: interruption.signal,
    hooks: { onItemError: (item) => (failure ??= item) },
    onProgress(progress) {
      last = progress
      bar?.update(progress)
    },
  }
  try {
    await writeResults(stream({ url: task.url, export: task.export }, input.open(interruption), options), output)
  } catch (error) {
    bar?.stop()
    if (error instanceof OutputClosedError) return 0
    if (!interruption.signal.aborted) {
      // The first error counts, not a failure to write after it.
      await output.leave().catch(() => undefined)
      if (failure !== undefined && error === failure.error) throw failureOf(failure)
      // Besides items, only the module is parsed: a SyntaxError is its fault.
      throw error instanceof SyntaxError ? loadFailure(task, error) : error
    }
  } finally {
    interruption.stopListening()
  }
  bar?.stop()
  if (interruption.hasCut || interruption.signal.aborted) {
    await output.leave()
    // An abandoned item in this thread may never end, so exit explicitly.
    process.stderr.write(`${interruptedMessage(last, input, flags, output)}\n`, () => {
      if (interruption.signal.aborted) process.exit(interruption.exitCode)
    })
    return interruption.exitCode
  }
  await output.complete()
  const failed = last?.failed ?? 0
  const measuredMs = performance.now() - startMs
  saveRun(flags.save, {
    command: 'execute',
    task,
    items: { count: failed + (last?.completed ?? 0), digest: flags.save === undefined ? null : await input.digest() },
    measured: [{ what: 'the run', unit: 'ms', samples: [measuredMs] }],
  })
  if (failed > 0) process.stderr.write(`amorsize: ${failed} of ${failed + (last?.completed ?? 0)} items failed\n`)
  return failed > 0 ? EXIT_FAILURE : 0
}

async function writeResults(results: AsyncIterable<unknown>, output: ResultsOutput): Promise<void> {
  let index = 0
  for await (const result of results) {
    const written = output.write(resultLine(index++, result))
    if (written !== undefined) await written
  }
}

function interruptedMessage(
  last: Progress | undefined,
  { total }: ItemsInput,
  flags: ExecuteFlags,
  { partialPath }: ResultsOutput,
): string {
  const settled = (last?.completed ?? 0) + (last?.failed ?? 0)
  const where = partialPath === null || settled === 0 ? '' : `; results so far: ${partialPath}`
  const how = flags.checkpoint === undefined ? '' : '; the same command goes on from here'
  return `amorsize: interrupted after ${settled}${total === null ? '' : ` of ${total}`} items${where}${how}`
}
