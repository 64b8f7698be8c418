import { nativeStatus } from '../../internal/native.js'
import { messageOf } from '../../internal/text/error-text.js'
import { runChild } from '../child-process.js'
import { describeMachine, type Machine } from '../machine.js'
import { evaluateModule, ownVersion, resolvePackages, versionOf } from '../project-packages.js'
import { median, summarize, type Summary } from '../statistics.js'

/** The measuring code: bench/decide and bench/rivals, joined into one file by the build. Each measuring process runs it. */
interface BenchChild {
  readonly cases: readonly BenchCase[]
}

/** The path that a case measures: a synchronous answer, always yes or always no, or a promise that always resolves or always rejects. */
export type BenchPath = 'allowed' | 'denied' | 'await' | 'await-denied'

/** One thing to measure, in a process of its own. */
interface BenchCase {
  readonly id: string
  readonly subject: string
  /** The package it comes from; null for this package and for the language itself. */
  readonly package: string | null
  readonly role: 'ours' | 'rival' | 'floor'
  readonly path: BenchPath
  /** Source text of the call that is timed. */
  readonly call: string
  /** Environment of the case's process. */
  readonly env?: Readonly<Record<string, string>>
}

/** The measurement of one case by one process. */
interface Measurement {
  /** Nanoseconds per call. */
  readonly nsPerCall: number
  /** Bytes of JavaScript heap a call allocates. */
  readonly heapBytesPerCall: number
}

/** How threads decide: on the shared bucket, by a message to the main thread, or on the shared bucket until it is empty. */
export type ThreadMode = 'bucket' | 'message' | 'drain'

/** The measurement of all threads of one process together. */
interface ThreadsMeasurement {
  readonly decisionsPerSecond: number
  /** Nanoseconds per decision in one thread: the mean over the threads. */
  readonly nsPerDecision: number
  readonly admitted: number
  /** Tokens that the bucket had, in the mode that uses them all up; else null. */
  readonly available: number | null
}

/** Where to measure, how often and for how long. */
export interface BenchOptions {
  /** Folder whose packages are measured. */
  readonly directory: string
  /** Number of processes per case, one after the other. */
  readonly rounds: number
  /** How long each process records, in milliseconds. */
  readonly durationMs: number
  /** Number of worker threads on one bucket; null: threads are not measured. */
  readonly threads: number | null
}

/** One line of the report. */
export interface CaseReport {
  readonly id: string
  readonly subject: string
  readonly version: string | null
  readonly path: BenchPath
  readonly role: BenchCase['role']
  readonly call: string
  readonly nsPerCall: Summary
  /** The figure of each process, in nanoseconds per call. */
  readonly samples: readonly number[]
  readonly heapBytesPerCall: number
}

/** One line of the report about threads. */
export interface ThreadsReport {
  readonly mode: ThreadMode
  readonly threads: number
  readonly decisionsPerSecond: Summary
  readonly nsPerDecision: Summary
  /** In mode 'drain': the tokens handed out in each round, and the tokens there were. Otherwise null. */
  readonly exact: { readonly admitted: readonly number[]; readonly available: number } | null
}

/** Everything that was measured. */
export interface BenchReport {
  readonly version: string
  /** The core that this package's cases ran on: the addon, or WebAssembly if that cannot be loaded. */
  readonly native: 'addon' | 'wasm'
  readonly machine: Machine
  readonly rounds: number
  readonly durationMs: number
  readonly cases: readonly CaseReport[]
  readonly threads: readonly ThreadsReport[]
  /** Packages that do not resolve from the folder. */
  readonly notInstalled: readonly string[]
  /** Cases that could not be measured, and why. */
  readonly failed: readonly { readonly id: string; readonly error: string }[]
}

/** Called after each process. */
export type BenchProgress = (done: number, total: number, what: string) => void

/** Something that is measured once per round, in a process of its own. */
interface Job<T> {
  readonly id: string
  run(): Promise<T>
  readonly results: T[]
}

/**
 * Measures this package and every other limiter that resolves from `options.directory`.
 *
 * Each case runs once per round in a process of its own. A round goes through all cases in turn, so that a slow minute of the
 * machine affects them all.
 */
export async function runBench(options: BenchOptions, onProgress: BenchProgress): Promise<BenchReport> {
  const { cases } = (await import(childUrl.href)) as BenchChild
  const packages = [...new Set(cases.flatMap(({ package: name }) => name ?? []))]
  const resolved = await resolvePackages(packages, options.directory)
  const present = cases.filter(({ package: name }) => name === null || resolved[name] !== null)

  const caseJobs = present.map((benchCase) => caseJob(benchCase, options))
  const threadJobs = options.threads === null ? [] : threadPlan(options.threads).map((plan) => threadJob(plan, options))
  const failed = await runRounds([...caseJobs, ...threadJobs], options.rounds, onProgress)

  return {
    version: ownVersion(),
    native: nativeStatus().source,
    machine: describeMachine(),
    rounds: options.rounds,
    durationMs: options.durationMs,
    cases: caseJobs
      .filter(({ id }) => !failed.has(id))
      .map(({ benchCase, results }) => caseReport(benchCase, results, resolved)),
    threads: threadJobs.filter(({ id }) => !failed.has(id)).map(({ plan, results }) => threadsReport(plan, results)),
    notInstalled: packages.filter((name) => resolved[name] === null),
    failed: [...failed].map(([id, error]) => ({ id, error })),
  }
}

/** Runs each job once per round. A job that fails is not run again; the others continue. @returns the failures by job id */
async function runRounds(
  jobs: readonly Job<unknown>[],
  rounds: number,
  onProgress: BenchProgress,
): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  let done = 0
  for (let round = 0; round < rounds; round++) {
    for (const job of jobs) {
      onProgress(done++, rounds * jobs.length, job.id)
      if (failed.has(job.id)) continue
      try {
        job.results.push(await job.run())
      } catch (error) {
        failed.set(job.id, messageOf(error))
      }
    }
  }
  onProgress(done, rounds * jobs.length, 'done')
  return failed
}

const childUrl = new URL('./bench-child.js', import.meta.url)
const MEASURE_CASE =
  'const child = await import(process.argv[1]); await child.measureCaseForParent(process.argv.slice(2), (name) => import(name))'
const MEASURE_THREADS =
  'const child = await import(process.argv[1]); await child.measureThreadsForParent(process.argv.slice(2))'

function caseJob(benchCase: BenchCase, options: BenchOptions): Job<Measurement> & { benchCase: BenchCase } {
  const args = ['--expose-gc', ...evaluateModule, MEASURE_CASE, childUrl.href, benchCase.id, String(options.durationMs)]
  const results: Measurement[] = []
  const run = async (): Promise<Measurement> =>
    (await runChild(args, { cwd: options.directory, ...(benchCase.env && { env: benchCase.env }) })) as Measurement
  return { id: benchCase.id, benchCase, results, run }
}

interface ThreadPlan {
  readonly mode: ThreadMode
  readonly threads: number
}

function threadPlan(threads: number): ThreadPlan[] {
  const measured: ThreadPlan[] = threads === 1 ? [] : [{ mode: 'bucket', threads: 1 }]
  return [...measured, { mode: 'bucket', threads }, { mode: 'message', threads }, { mode: 'drain', threads }]
}

function threadJob(plan: ThreadPlan, options: BenchOptions): Job<ThreadsMeasurement> & { plan: ThreadPlan } {
  const args = [
    ...evaluateModule,
    MEASURE_THREADS,
    childUrl.href,
    plan.mode,
    String(plan.threads),
    String(options.durationMs),
  ]
  const results: ThreadsMeasurement[] = []
  const run = async (): Promise<ThreadsMeasurement> =>
    (await runChild(args, { cwd: options.directory })) as ThreadsMeasurement
  return { id: `threads/${plan.mode}-${plan.threads}`, plan, results, run }
}

function caseReport(
  benchCase: BenchCase,
  results: readonly Measurement[],
  resolved: Readonly<Record<string, string | null>>,
): CaseReport {
  const { id, subject, path, role, call, package: name } = benchCase
  const url = name === null ? null : (resolved[name] ?? null)
  const own = role === 'ours' ? ownVersion() : null
  return {
    id,
    subject,
    version: name !== null && url !== null ? versionOf(name, url) : own,
    path,
    role,
    call,
    nsPerCall: summarize(results.map((result) => result.nsPerCall)),
    samples: results.map((result) => result.nsPerCall),
    heapBytesPerCall: median(results.map((result) => result.heapBytesPerCall)),
  }
}

/** Combines the rounds of one measurement with threads. */
function threadsReport(plan: ThreadPlan, results: readonly ThreadsMeasurement[]): ThreadsReport {
  const available = results[0]?.available ?? null
  return {
    ...plan,
    decisionsPerSecond: summarize(results.map((result) => result.decisionsPerSecond)),
    nsPerDecision: summarize(results.map((result) => result.nsPerDecision)),
    exact: available === null ? null : { admitted: results.map((result) => result.admitted), available },
  }
}
