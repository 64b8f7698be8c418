import { messageOf } from '../../internal/text/error-text.js'
import { median, summarize, type Summary } from '../statistics.js'
import { runTrial, TooLongError, type Trial, type TrialJob } from './trial.js'
import { BY_ITSELF, LOOP, type NamedWay, type Situation, waysFor } from './tune-ways.js'

/** The task to tune, and how. */
export interface TuneOptions {
  readonly job: Omit<TrialJob, 'way'>
  readonly rounds: number
  readonly situation: Omit<Situation, 'isAsync'>
  /** Called before each run. */
  readonly onProgress?: (done: number, total: number) => void
}

/** The measurements of one way. */
export interface Measured extends NamedWay {
  readonly samples: readonly number[]
  /** Summary of the samples; null if the way could not be run to its end. */
  readonly ms: Summary | null
  /** Why it could not; null if it could. */
  readonly failure: string | null
}

/** The measurements of all ways: the fastest first, and last those that could not be run. */
export interface Tuning {
  readonly items: number
  readonly itemsDigest: string | null
  readonly ways: readonly Measured[]
  readonly best: Measured
  readonly loop: Measured
  /** The measurements of `execute` without options; undefined if only one mode was requested. */
  readonly byItself: Measured | undefined
}

/** A way that takes this many times as long as the loop cannot be the best. */
const HOPELESS = 4
const LEAST_MS = 2000

/**
 * Runs the items in every way, `rounds` times in turn, each time in a process of its own.
 *
 * @throws {Error} when the loop itself fails or does not end in time: then there is nothing to compare with
 */
export async function tune({ job, rounds, situation, onProgress }: TuneOptions): Promise<Tuning> {
  const { limitMs } = job
  const first = await loopOf(job)
  const ways = waysFor({ ...situation, isAsync: first.isAsync })
  const othersMs = Math.min(limitMs, Math.max(LEAST_MS, HOPELESS * first.elapsedMs) + LEAST_MS)
  const samples = new Map<NamedWay, number[]>(ways.map((way) => [way, []]))
  samples.get(LOOP)?.push(first.elapsedMs)
  const failures = new Map<NamedWay, string>()
  let done = 1
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) {
      if ((round === 0 && way === LOOP) || failures.has(way)) continue
      onProgress?.(done++, ways.length * rounds)
      try {
        const trial = await runTrial({ ...job, way: way.way, limitMs: way === LOOP ? limitMs : othersMs })
        samples.get(way)?.push(trial.elapsedMs)
      } catch (error) {
        failures.set(way, messageOf(error).split('\n')[0] ?? '')
      }
    }
  }
  return orderedTuning(first, ways, samples, failures)
}

function orderedTuning(
  { items, itemsDigest }: Trial,
  ways: readonly NamedWay[],
  samples: ReadonlyMap<NamedWay, readonly number[]>,
  failures: ReadonlyMap<NamedWay, string>,
): Tuning {
  const measured = ways.map((way): Measured => {
    const failure = failures.get(way) ?? null
    const times = samples.get(way) ?? []
    return { ...way, samples: times, ms: failure === null ? summarize(times) : null, failure }
  })
  const sorted = measured.toSorted((a, b) => (a.ms?.median ?? Infinity) - (b.ms?.median ?? Infinity))
  const found = (which: NamedWay): Measured | undefined => measured.find(({ name }) => name === which.name)
  const loop = found(LOOP) as Measured
  // `execute` by itself chooses one of the other ways, so it is no candidate for the best one.
  const best = sorted.find(({ name }) => name !== BY_ITSELF.name) ?? loop
  return { items, itemsDigest, ways: sorted, best, loop, byItself: found(BY_ITSELF) }
}

async function loopOf(job: Omit<TrialJob, 'way'>): Promise<Trial> {
  try {
    return await runTrial({ ...job, way: LOOP.way })
  } catch (error) {
    if (!(error instanceof TooLongError)) throw error
    throw new Error(
      `the loop did not end within ${job.limitMs} ms: give fewer items, a longer --limit-ms, or --timeout-ms where an item may never end`,
      { cause: error },
    )
  }
}

/** How many times as fast as the loop a way is, by the medians. */
export function speedup({ samples }: Measured, loop: Measured): number {
  return median(loop.samples) / median(samples)
}
