import { createHash } from 'node:crypto'
import { Command } from 'commander'
import { execute, type Items, type ScheduleOptions } from '../../index.js'
import { reportToParent } from '../child-process.js'
import { type FailedItem, failureOf } from '../items/failed-item.js'
import { type ItemsInput, itemsInput } from '../items/items-input.js'
import { loadFailure } from '../items/load-failure.js'
import { resultLine } from '../items/result-line.js'
import type { TaskArgument } from '../items/task-argument.js'
import { TRIAL, type Trial, type TrialJob } from '../trial/trial.js'

/** A shorter run is repeated: most of it may have been compilation and the start of workers. */
const SHORT_MS = 300

/** Makes the subcommand that `tune`, `compare` and `watch` start: one run, timed in a process of its own. */
export function trialCommand(): Command {
  return new Command(TRIAL)
    .description('run a task once and tell the parent process how long that took')
    .argument('<job>', 'what to run, as JSON')
    .action(async (job: string) => {
      // Without its parent, the process has nobody to report to.
      process.once('disconnect', () => process.exit())
      await reportToParent(() => measure(JSON.parse(job) as TrialJob))
    })
}

async function measure(job: TrialJob): Promise<Trial> {
  const module = await load(job.task)
  const input = await itemsInput(job)
  const first = await timedRun(job, input)
  const last = first.elapsedMs < SHORT_MS ? await timedRun(job, input) : first
  return {
    elapsedMs: last.elapsedMs,
    items: last.results.length,
    itemsDigest: await input.digest(),
    resultsDigest: resultsDigestOf(last.results),
    isAsync: job.way.mode === 'serial' && (await returnsPromise(module[job.task.export], input)),
  }
}

/** Imports the module first, so that its own faults are reported as such. */
async function load(task: TaskArgument): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(task.url)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw loadFailure(task, error)
  }
}

interface TimedRun {
  readonly elapsedMs: number
  readonly results: readonly unknown[]
}

/** Runs without hooks and anything else that makes `execute` look at each item, since that would be measured, too. */
async function timedRun(job: TrialJob, input: ItemsInput): Promise<TimedRun> {
  const items = await input.all()
  const startMs = performance.now()
  try {
    const results = await run(job, items)
    return { elapsedMs: performance.now() - startMs, results }
  } catch (error) {
    // If there is no time for a second run, the error alone is better than none.
    throw 2000 * process.uptime() < job.limitMs ? await namingItem(job, input, error) : error
  }
}

/** Runs the items again to find the one that failed. Returns an error that names it, or `error` if this run does not show it. */
async function namingItem(job: TrialJob, input: ItemsInput, error: unknown): Promise<unknown> {
  let failed: FailedItem | undefined
  try {
    await run(job, await input.all(), { onItemError: (item) => (failed ??= item) })
  } catch (again) {
    if (failed !== undefined && failed.error === again) return failureOf(failed)
  }
  return error
}

function run(
  { task, way, timeoutMs }: TrialJob,
  items: Items<unknown>,
  hooks?: ScheduleOptions['hooks'],
): Promise<unknown[]> {
  return execute({ url: task.url, export: task.export }, items, { ...way, timeoutMs, hooks, useCache: false })
}

async function returnsPromise(task: unknown, input: ItemsInput): Promise<boolean> {
  for await (const item of input.open()) {
    const result = (task as (item: unknown) => unknown)(item)
    await result
    return result instanceof Promise
  }
  return false
}

function resultsDigestOf(results: readonly unknown[]): string | null {
  const hash = createHash('sha256')
  try {
    results.forEach((result, index) => hash.update(`${resultLine(index, result)}\n`))
  } catch {
    // Results that JSON cannot hold are not compared.
    return null
  }
  return hash.digest('hex')
}
