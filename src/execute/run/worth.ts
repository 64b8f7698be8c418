import { builtins } from '../../internal/builtins.js'
import { calibration } from '../model/calibration.js'
import { LEAST_WORTH_MS } from '../model/pace.js'
import { RepeatedRuns } from '../model/repeated-runs.js'
import { isWorkerOfOurs } from '../nesting.js'
import type { CompleteOptions } from '../options.js'
import { idleWorkers } from '../workers/idle-workers.js'

/** Spawning must promise to be worth this many times its cost. */
export const SPAWN_FACTOR = 1.5
/** What is shorter than this gains too little from workers to count, however often it is run. */
const LEAST_REPEATED_MS = 2
/** Half of a run is what one worker takes over. */
const REPEATED_FACTOR = 2 * SPAWN_FACTOR
/** However crowded the machine, so many times the usual work is worth a worker. */
const MOST_CROWDING = 3

const repeatedRuns = new RepeatedRuns()

/**
 * Whether a rest of `items`, estimated to take the loop so long, may be worth workers at all: a comparison or two, to be made before anything is
 * thought over. By the time that one has been started there must be items left for both it and this thread.
 */
export function mayBeWorth(restMs: number, items: number): boolean {
  if (idleWorkers() > 0) return restMs >= LEAST_WORTH_MS
  const { spawnMs } = calibration
  return restMs >= SPAWN_FACTOR * spawnMs && items * (1 - spawnMs / restMs) >= 2
}

/** Whether a rest of so long, if that is what it is, pays for starting workers on a machine as busy as this one. */
export function isWorthSpawning(restMs: number): boolean {
  const leastMs = SPAWN_FACTOR * calibration.spawnMs
  return restMs > leastMs && restMs > leastMs * crowding()
}

/**
 * Whether runs that took so long without workers, of which there are none, have come so often that those to come should find some.
 * Each run is to ask once.
 */
export function isWorthPreparing(ms: number): boolean {
  if (ms < LEAST_REPEATED_MS || idleWorkers() > 0) return false
  return repeatedRuns.isEnough(ms, performance.now(), REPEATED_FACTOR * calibration.spawnMs * crowding())
}

/**
 * How many threads want each core. On a machine that others keep busy a worker starts late, and takes its start from this thread's
 * own share of the cores.
 */
function crowding(): number {
  const { availableParallelism, loadavg } = builtins.os
  const [load = 0] = loadavg()
  return Math.min(MOST_CROWDING, Math.max(1, load / availableParallelism()))
}

/** Whether the options, and the thread, leave workers to choose. */
export function mayUseWorkers({ mode }: CompleteOptions): boolean {
  return mode !== 'serial' && mode !== 'async' && !isWorkerOfOurs()
}
