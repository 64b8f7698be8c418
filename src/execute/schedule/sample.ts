import { builtins } from '../../internal/builtins.js'
import { isThenable } from '../../internal/thenable.js'
import { IO_SHARE } from './cost-model.js'
import { Timing } from './timing.js'
import { sizeOf } from './value-size.js'

/** How busy a thread and its process were over some time. */
export interface Busy {
  /** The part of the time in which this thread computed, 0–1. */
  readonly share: number
  /** Cores that the process kept busy: this thread, and those that compile, collect garbage or read files for it. */
  readonly cores: number
}

/** A thread that does nothing but run its items. */
export const COMPUTING: Busy = { share: 1, cores: 1 }

/**
 * Measures how busy this thread and its process are from its construction on. The utilization of the event loop counts time in which other
 * programs had the core; the processor time of the process counts other threads. So the smaller of the two is taken for the thread.
 */
export class Busyness {
  /** Node's own: a test framework's fake timers put an object in its place that knows the time alone. */
  readonly #node = builtins.perfHooks.performance
  readonly #loop = this.#node.eventLoopUtilization()
  readonly #cpu = process.cpuUsage()
  readonly #startedMs = this.#node.now()

  read(): Busy {
    const { user, system } = process.cpuUsage(this.#cpu)
    const cores = (user + system) / 1000 / Math.max(1e-6, this.#node.now() - this.#startedMs)
    return { share: Math.min(1, this.#node.eventLoopUtilization(this.#loop).utilization, cores), cores }
  }
}

/** Measurements of a task on items of one shape. Times are milliseconds, sizes bytes. */
export interface Measured {
  readonly sampleSize: number
  /** Where items overlap in a run, from the end of one to the end of the next: what each computes if the thread is busy. */
  readonly itemMs: number
  /** From the start of such an item to its end; undefined where they do not overlap. */
  readonly ownMs?: number | undefined
  /** The least that an item takes; 0 if too few have run to tell. */
  readonly leastMs: number
  readonly itemCv: number
  readonly cpuShare: number
  /** Cores that the process kept busy meanwhile, including threads that compile and collect garbage. */
  readonly coresBusy: number
  /** How much longer the first items took: a thread that runs the task for the first time pays the same. */
  readonly coldMs: number
  readonly isAsync: boolean
  readonly itemBytes: number
  readonly resultBytes: number
  /** Objects, properties and elements of an item and its result. */
  readonly cloneNodes: number
  /** Why items or results cannot be sent to a thread, or, of a plan, its run can have no workers; undefined if they can. */
  readonly obstacle: string | undefined
}

/** The measured values for a plan, in which an item takes its own time, as in a sample. */
export function ownOf(measured: Measured): Measured {
  const { itemMs, ownMs, cpuShare } = measured
  return ownMs === undefined
    ? measured
    : { ...measured, itemMs: ownMs, cpuShare: Math.min(1, (itemMs * cpuShare) / ownMs) }
}

export interface Observation {
  readonly timing: Timing
  /** Items left or, once the run has ended, how many it had; null if unknown. */
  readonly items: number | null
  readonly item: unknown
  readonly result: unknown
  readonly isAsync: boolean
  /** A getter: reading it takes longer than a short item. */
  readonly busy: Busy
}

/** All measurements that decisions are made from are built here. */
export function measuredOf({ timing, item, result, isAsync, busy }: Observation): Measured {
  const ofItem = sizeOf(item)
  const ofResult = sizeOf(result)
  return {
    sampleSize: timing.items,
    itemMs: timing.itemMs,
    ownMs: timing.ownTotalMs > 0 ? timing.ownTotalMs / timing.items : undefined,
    leastMs: timing.leastMs,
    itemCv: timing.spread,
    cpuShare: busy.share,
    coresBusy: busy.cores,
    coldMs: timing.coldMs,
    isAsync,
    itemBytes: ofItem.bytes,
    resultBytes: ofResult.bytes,
    cloneNodes: ofItem.nodes + ofResult.nodes,
    obstacle: ofItem.obstacle ?? ofResult.obstacle,
  }
}

/** An item at the beginning of a source, and its outcome; without one if it has not been run to measure. */
export class SampleItem {
  outcome: { readonly value: unknown } | { readonly error: unknown } | undefined = undefined
  ms = 0
  isAsync = false

  constructor(readonly item: unknown) {}

  async run(call: (item: unknown) => unknown): Promise<void> {
    const startedMs = performance.now()
    try {
      const result = call(this.item)
      this.isAsync = isThenable(result)
      this.outcome = { value: this.isAsync ? await result : result }
    } catch (error) {
      this.outcome = { error }
    }
    this.ms = performance.now() - startedMs
  }
}

/** From these durations on, the utilization of the event loop and the processor time say what an item does. Processor time is counted in steps of a few milliseconds. */
const SHORTEST_MS = { ofLoop: 0.5, ofProcessor: 5 }

/**
 * Runs `items` in this thread and measures them. The first runs alone, to tell computing from waiting. If it waits, the
 * others run together, no more than `most` at once.
 */
export async function runSample(
  call: (item: unknown) => unknown,
  items: readonly SampleItem[],
  most = Infinity,
): Promise<Measured> {
  const [first, ...others] = items
  let busy = COMPUTING
  if (first !== undefined) {
    const busyness = new Busyness()
    await first.run(call)
    // For a shorter time they say little: the thread is taken to be busy.
    if (first.isAsync && first.ms >= SHORTEST_MS.ofLoop) busy = busyness.read()
    if (!first.isAsync && first.ms >= SHORTEST_MS.ofProcessor)
      busy = { ...COMPUTING, share: Math.min(1, busyness.read().cores) }
  }
  const left = others.values()
  const runLeft = async (): Promise<void> => {
    for (const other of left) await other.run(call)
  }
  const together = busy.share < IO_SHARE ? Math.min(most, others.length) : 1
  await Promise.all(Array.from({ length: together }, runLeft))
  return measuredIn(items, busy)
}

function measuredIn(sampled: readonly SampleItem[], busy: Busy): Measured {
  const timing = new Timing()
  // The first item pays for compiling the task.
  for (const { ms } of sampled.length > 2 ? sampled.slice(1) : sampled) timing.add(1, ms)
  const last = sampled.at(-1)
  const measured = measuredOf({
    timing,
    items: null,
    item: last?.item,
    result: last === undefined ? undefined : resultOf(last),
    isAsync: sampled.some(({ isAsync }) => isAsync),
    busy,
  })
  return {
    ...measured,
    sampleSize: sampled.length,
    coldMs: Math.max(0, (sampled[0]?.ms ?? 0) - timing.itemMs),
    obstacle: obstacleIn(sampled),
  }
}

function obstacleIn(sampled: readonly SampleItem[]): string | undefined {
  for (const one of sampled) {
    const ofItem = sizeOf(one.item).obstacle
    if (ofItem !== undefined) return `items cannot go to a thread: ${ofItem}`
    const ofResult = sizeOf(resultOf(one)).obstacle
    if (ofResult !== undefined) return `results cannot come from a thread: ${ofResult}`
  }
  return undefined
}

function resultOf({ outcome }: SampleItem): unknown {
  return outcome !== undefined && 'value' in outcome ? outcome.value : undefined
}
