import { shareOf } from './chunk-size.js'
import { FIRST_IN_FLIGHT } from './timing.js'

/** How a run is carried out: one item after the other, several at a time in this thread, or with worker threads. */
export type RunMode = 'serial' | 'async' | 'threads'

/** The inputs of the estimates; each measured, or a default until it is. Times are milliseconds. */
export interface CostInputs {
  readonly items: number
  /** Time of one item in the loop, waiting included. */
  readonly itemMs: number
  /** Part of that time in which the item computes, 0–1. */
  readonly cpuShare: number
  /** Cores that a lane keeps busy, with what compiles and collects garbage for it. */
  readonly coresEach: number
  /** Whether the item returns a promise, so that several can wait at once in this thread. */
  readonly isAsync: boolean
  /** Copying one item and its result; this thread does half of it, and a worker the other. */
  readonly cloneMs: number
  /** Until a worker that must be started does its first work; 0 for one that is there. */
  readonly spawnMs: number
  /** This thread's part of that. */
  readonly spawnHereMs: number
  /** From the choice of workers until those that are there work, and from their last result until this thread has it. */
  readonly wakeMs: number
  /** Cost of one message to a worker and back, on either side. */
  readonly dispatchMs: number
  readonly cores: number
  readonly mainWorks: boolean
  /** Whether each item would keep the event loop waiting for longer than a slice. */
  readonly blocks: boolean
}

/** A schedule that was considered, and how long it is estimated to take. */
export interface Considered {
  /** The way to run. */
  readonly mode: RunMode
  /** Worker threads, or items at a time in mode 'async'; 0 of the loop. */
  readonly workers: number
  /** Items per message to a worker; 1 without workers. */
  readonly chunkSize: number
  /** Time for all items. */
  readonly estimatedMs: number
}

/** The cost of an item in a message, to either side, whatever its size. */
const IN_MESSAGE_MS = 0.000_3

/** With more items for each lane than these, how they divide makes no difference. */
const FEW_PER_LANE = 50

/** Of two ways that are as good as each other the simpler one is chosen, which comes first. */
const BETTER = 0.99

export function loopMs(inputs: CostInputs): number {
  return inputs.items * inputs.itemMs
}

/** Several items in flight in this thread: waiting overlaps, computing does not. */
export function asyncMs(inputs: CostInputs, concurrency: number): number {
  const { items, itemMs, cpuShare } = inputs
  const rounds = Math.ceil(items / concurrency)
  return Math.max(rounds * itemMs, items * itemMs * cpuShare)
}

/**
 * Workers, and this thread beside them if it works too. While workers start, this thread runs items most of the time; then both sides finish
 * together: with x items on the workers, x·w / W = (items − x)·t + x·m, where w is what an item costs a worker and m what
 * its messages cost this thread.
 */
export function threadsMs(inputs: CostInputs, workers: number, chunkSize: number): number {
  const { items, itemMs, coresEach, cloneMs, spawnMs, spawnHereMs, wakeMs, dispatchMs, cores, mainWorks } = inputs
  /** The cost of an item to either side, beside its own time. */
  const besideMs = cloneMs / 2 + IN_MESSAGE_MS + dispatchMs / chunkSize
  const lanes = workers + (mainWorks ? 1 : 0)
  // Threads beyond the cores share them; what waits needs no core.
  const speed = Math.min(1, cores / (coresEach * lanes))
  const rate = (workers * speed) / (itemMs + besideMs)

  // This thread finds that a worker is ready between two of its items.
  const readyMs = mainWorks ? Math.ceil(spawnMs / Math.max(itemMs, 1e-6) - 1e-9) * itemMs : spawnMs
  const duringSpawn = readyMs > 0 && mainWorks ? Math.max(0, readyMs - spawnHereMs) / itemMs : 0
  if (duringSpawn >= items) return items * itemMs
  const rest = items - duringSpawn
  const mainItemMs = itemMs / speed
  // Where sending takes this thread as long as the workers take for it all, it has no time for items.
  const togetherMs =
    mainWorks && besideMs * rate < 1
      ? (rest * mainItemMs) / (1 + (mainItemMs - besideMs) * rate)
      : rest * Math.max(1 / rate, besideMs)
  // The last item of the slowest lane: few long items do not divide evenly.
  const evenMs = (Math.ceil(rest / lanes - 1e-9) * itemMs + besideMs) / speed
  return readyMs + Math.max(togetherMs, rest < FEW_PER_LANE * lanes ? evenMs : 0) + 2 * dispatchMs + wakeMs
}

/** Items that a worker takes at a time, to begin with. */
function chunkFor({ items, itemMs, mainWorks }: CostInputs, workers: number, targetMs: number): number {
  return shareOf(items, workers + (mainWorks ? 1 : 0), itemMs, targetMs)
}

export interface Choices {
  readonly mostWorkers: number
  readonly targetChunkMs: number
  readonly workers?: number | undefined
  readonly concurrency?: number | undefined
  /** Items that begin at once where they wait, as earlier runs have found. */
  readonly inFlight?: number | undefined
  readonly chunkSize?: number | undefined
  readonly mode?: RunMode | undefined
  readonly prefer?: 'async' | 'threads' | undefined
  readonly mayUseThreads: boolean
}

/** A schedule must promise this much less than the loop's time to be worth leaving it. */
export const MARGIN = 0.95
/** Below this share of computing, items wait: they run here, several at once. */
export const IO_SHARE = 0.3
/** A preferred mode may take this many times as long as the best. */
const PREFERENCE = 1.25

/** All schedules that are considered, the loop first. */
export type AllConsidered = readonly [loop: Considered, ...others: Considered[]]

export function consider(inputs: CostInputs, choices: Choices): AllConsidered {
  const all: [Considered, ...Considered[]] = [{ mode: 'serial', workers: 0, chunkSize: 1, estimatedMs: loopMs(inputs) }]
  if (inputs.isAsync) {
    // As many as begin at once: a few first items say too little of how busy they keep this thread to choose fewer, and a run takes more once it
    // finds that they make it faster.
    const { concurrency, inFlight = FIRST_IN_FLIGHT } = choices
    const first = Math.max(1, Math.min(inFlight, inputs.items))
    const workers = concurrency === undefined ? (choices.workers ?? first) : Math.min(first, concurrency)
    all.push({ mode: 'async', workers, chunkSize: 1, estimatedMs: asyncMs(inputs, workers) })
  }
  if (choices.mayUseThreads) {
    const counts = choices.workers === undefined ? upTo(choices.mostWorkers) : [choices.workers]
    for (const workers of counts) {
      const chunkSize = choices.chunkSize ?? chunkFor(inputs, workers, choices.targetChunkMs)
      all.push({ mode: 'threads', workers, chunkSize, estimatedMs: threadsMs(inputs, workers, chunkSize) })
    }
  }
  return all
}

/**
 * The one to take: the fastest, unless a mode is forced or preferred; the loop, unless another is clearly faster, or workers are as fast and the
 * event loop would have to wait for items.
 */
export function choose(considered: AllConsidered, inputs: CostInputs, choices: Choices): Considered {
  const [loop] = considered
  const faster = (best: Considered, one: Considered): Considered =>
    one.estimatedMs < best.estimatedMs * BETTER ? one : best
  const fastestOf = (wanted: RunMode | undefined): Considered | undefined => {
    const [first, ...others] = considered.filter(({ mode }) => mode === wanted)
    return first && others.reduce(faster, first)
  }
  if (choices.mode !== undefined) return fastestOf(choices.mode) ?? loop
  if (inputs.cpuShare < IO_SHARE && choices.prefer !== 'threads') {
    const waiting = fastestOf('async')
    if (waiting !== undefined && waiting.estimatedMs < loop.estimatedMs * MARGIN) return waiting
  }
  const best = considered.reduce(faster)
  const preferred = fastestOf(choices.prefer)
  if (preferred !== undefined && preferred.estimatedMs < Math.min(best.estimatedMs * PREFERENCE, loop.estimatedMs))
    return preferred
  if (best.estimatedMs < loop.estimatedMs * MARGIN) return best
  const apart = inputs.blocks ? fastestOf('threads') : undefined
  return apart !== undefined && apart.estimatedMs * MARGIN < loop.estimatedMs ? apart : loop
}

function upTo(most: number): number[] {
  const counts = Array.from({ length: Math.min(most, 8) }, (_, i) => i + 1)
  for (let count = 12; count < most; count = Math.ceil(count * 1.5)) counts.push(count)
  if (most > 8) counts.push(most)
  return counts
}
