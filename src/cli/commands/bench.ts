import { Command } from 'commander'
import { meaningOf } from '../bench/meaning.js'
import { howMeasured, renderBench } from '../bench/report.js'
import { type BenchProgress, type CaseReport, runBench } from '../bench/run.js'
import { type MeasuredTimes, saveRun, withSaveFlag } from '../history-file.js'
import { integerFrom } from '../numbers.js'
import { type Output, stylesFor } from '../text/terminal.js'

interface BenchFlags {
  readonly json?: true
  readonly threads?: number
  readonly rounds: number
  readonly duration: number
  readonly save?: string | true
}

/** Returns the command `amorsize bench`. */
export function benchCommand(): Command {
  return withSaveFlag(new Command('bench'))
    .summary('measure what a rate limiter costs on this machine')
    .description(
      'Measures what one decision of a rate limiter costs on this machine: of amorsize, and of every other limiter it knows that the ' +
        'current folder can import. It says which it has not found.',
    )
    .option('--json', 'print one JSON object instead of tables')
    .option('--threads <n>', 'also measure n worker threads that share one limit', integerFrom(1, 256))
    .option('--rounds <n>', 'processes each case gets, in turn with the others', integerFrom(1, 100), 3)
    .option('--duration <ms>', 'how long each process records, in milliseconds', integerFrom(1, 60_000), 200)
    .addHelpText('after', `\nExit codes: 0 measured everything, 1 something could not be measured, 2 wrong usage.`)
    .action(async (flags: BenchFlags) => {
      process.exitCode = await bench(flags, process.stdout, process.stderr)
    })
}

async function bench(flags: BenchFlags, output: Output, progressOutput: Output): Promise<number> {
  const options = {
    directory: process.cwd(),
    rounds: flags.rounds,
    durationMs: flags.duration,
    threads: flags.threads ?? null,
  }
  const bar = await progressBar(progressOutput)
  const report = await runBench(options, bar.update).finally(bar.stop)
  const json = (): string => JSON.stringify({ ...report, meaning: meaningOf(report), method: howMeasured(report) })
  output.write(`${flags.json === true ? json() : renderBench(report, stylesFor(output))}\n`)
  saveRun(flags.save, { command: 'bench', task: null, items: null, measured: timesOf(report.cases) })
  return report.failed.length > 0 ? 1 : 0
}

/** The times to save. A call that costs next to nothing may give samples of 0 or less once the work around it is subtracted: drop those. */
export function timesOf(cases: readonly Pick<CaseReport, 'id' | 'samples'>[]): MeasuredTimes[] {
  return cases
    .map(({ id, samples }) => ({ what: id, unit: 'ns' as const, samples: samples.filter((ns) => ns > 0) }))
    .filter(({ samples }) => samples.length > 0)
}

/** A bar if `stream` is a terminal; otherwise nothing, so that logs contain only the result. */
async function progressBar(stream: Output): Promise<{ update: BenchProgress; stop: () => void }> {
  if (stream.isTTY !== true) return { update: () => undefined, stop: () => undefined }
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{bar} {percentage}% | {what}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // As in internal/text/progress-bar.ts.
    gracefulExit: false,
    hideCursor: false,
    clearOnComplete: true,
  })
  let started = false
  return {
    update(done, total, what) {
      if (!started) bar.start(total, done, { what })
      started = true
      bar.update(done, { what })
    },
    stop() {
      if (started) bar.stop()
    },
  }
}
