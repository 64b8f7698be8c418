import { Command } from 'commander'
import { optimize } from '../../index.js'
import { saveRun, withSaveFlag } from '../history-file.js'
import { itemsInput } from '../items/items-input.js'
import { loadFailure } from '../items/load-failure.js'
import { type RunFlags, requireItems, runOptions, withRunFlags } from '../items/run-flags.js'
import { type TaskArgument, taskArgument } from '../items/task-argument.js'
import { wayText } from '../text/way-text.js'

interface OptimizeFlags extends RunFlags {
  readonly json?: true
  readonly save?: string | true
}

/** Makes the subcommand `amorsize optimize`. */
export function optimizeCommand(): Command {
  const command = new Command('optimize')
    .summary('measure a function on the first items and say how the rest is best run')
    .description(
      'Runs an exported function on the first items, and nothing more; prints what was measured, which ways to run the rest were ' +
        'considered, and why one was chosen.',
    )
    .addArgument(taskArgument())
  withSaveFlag(withRunFlags(command))
    .option('--json', 'print one JSON object instead of the report')
    .addHelpText(
      'after',
      '\nExit codes: 0 success, 1 the function cannot be loaded or the items cannot be read, 2 wrong usage.',
    )
    .action(async (task: TaskArgument, flags: OptimizeFlags) => {
      requireItems(command, flags)
      const input = await itemsInput(flags)
      const items = await input.all()
      const plan = await optimize({ url: task.url, export: task.export }, items, runOptions(flags)).catch(
        (error: unknown) => {
          // An item that throws only gives the plan a warning, so a SyntaxError comes from loading the module.
          throw error instanceof SyntaxError ? loadFailure(task, error) : error
        },
      )
      const { mode, workers, chunkSize, estimatedSpeedup, reason, warnings, profile } = plan
      const json = (): string =>
        JSON.stringify({ mode, workers, chunkSize, estimatedSpeedup, reason, warnings, profile })
      process.stdout.write(`${flags.json === true ? json() : plan.explain()}\n`)
      const estimates = profile.considered.filter(({ estimatedMs }) => estimatedMs > 0)
      saveRun(flags.save, {
        command: 'optimize',
        task,
        items:
          profile.totalItems === null || flags.save === undefined
            ? null
            : { count: profile.totalItems, digest: await input.digest() },
        measured: estimates.map((one) => ({
          what: `${wayText(one)}, estimated`,
          unit: 'ms',
          samples: [one.estimatedMs],
        })),
      })
    })
  return command
}
