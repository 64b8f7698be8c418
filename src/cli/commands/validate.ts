import { Command } from 'commander'
import { openProgressBar } from '../../internal/text/progress-bar.js'
import { EXIT_USAGE } from '../exit-codes.js'
import { describeMachine, machineLine } from '../machine.js'
import { integerFrom } from '../numbers.js'
import { median } from '../statistics.js'
import { formatNumber, left, right, tableOf, textTable } from '../text/table.js'
import { stylesFor } from '../text/terminal.js'
import { wayText } from '../text/way-text.js'
import { validate, type Validation } from '../trial/validate-run.js'
import { workloads } from '../trial/validate-workloads.js'

interface ValidateFlags {
  readonly json?: true
  readonly rounds: number
  readonly only?: string
}

/** Makes the subcommand `amorsize validate`. */
export function validateCommand(): Command {
  return new Command('validate')
    .summary('check on this machine what optimize predicts')
    .description(
      'Plans and runs workloads that are built in, and every way to run them that was considered: how far off is the predicted ' +
        'speed-up (error), and how much longer does the plan take than the best way (regret).',
    )
    .option('--json', 'print one JSON object, on one line, instead of a table')
    .option('--rounds <n>', 'how often each way is run, in turn with the others', integerFrom(1, 100), 3)
    .option('--only <text>', 'leave out workloads whose name does not contain this')
    .addHelpText('after', '\nExit codes: 0 success, 1 a workload failed, 2 wrong usage.')
    .action(async (flags: ValidateFlags, command: Command) => {
      const { only = '' } = flags
      const all = workloads().filter(({ name }) => name.includes(only))
      if (all.length === 0)
        command.error(
          `error: no workload's name contains '${only}'; there are ${workloads()
            .map(({ name }) => `'${name}'`)
            .join(', ')}`,
          { exitCode: EXIT_USAGE },
        )
      const bar = await openProgressBar(process.stderr)
      const startMs = performance.now()
      const validations: Validation[] = []
      for (const workload of all) {
        validations.push(await validate(workload, flags.rounds))
        const elapsedMs = performance.now() - startMs
        const itemsPerSecond = (1000 * validations.length) / elapsedMs
        const etaMs = (1000 * (all.length - validations.length)) / itemsPerSecond
        bar?.update({ completed: validations.length, failed: 0, total: all.length, itemsPerSecond, elapsedMs, etaMs })
      }
      bar?.stop()
      const summary = summarize(validations)
      const machine = describeMachine()
      const json = (): string => JSON.stringify({ machine, rounds: flags.rounds, ...summary, workloads: validations })
      const text = (): string => [machineLine(machine), '', tableText(validations), '', summaryLine(summary)].join('\n')
      process.stdout.write(`${flags.json === true ? json() : text()}\n`)
    })
}

interface Summary {
  readonly medianError: number
  readonly medianRegret: number
  readonly worstRegret: number
}

function summarize(validations: readonly Validation[]): Summary {
  const regrets = validations.map(({ regret }) => regret)
  return {
    medianError: median(validations.map(({ error }) => error)),
    medianRegret: median(regrets),
    worstRegret: Math.max(...regrets),
  }
}

function summaryLine({ medianError, medianRegret, worstRegret }: Summary): string {
  return `Error of the predicted speed-up: ${percent(medianError)} (median). Regret: ${percent(medianRegret)} (median), ${percent(worstRegret)} (worst).`
}

function tableText(validations: readonly Validation[]): string {
  const table = tableOf(validations, [
    left('workload', ({ workload }) => workload),
    right('loop, ms', ({ loopMs }) => formatNumber(loopMs)),
    left('plan', ({ plan }) => wayText(plan)),
    right('predicted', ({ estimatedSpeedup }) => `${estimatedSpeedup.toFixed(2)} ×`),
    right('measured', ({ measuredSpeedup }) => `${measuredSpeedup.toFixed(2)} ×`),
    right('error', ({ error }) => percent(error)),
    right('regret', ({ regret }) => percent(regret)),
  ])
  return textTable(table, stylesFor(process.stdout).bold)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
}
