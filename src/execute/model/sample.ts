import { Busyness } from './busyness.js'
import { IO_SHARE } from './cost-model.js'
import { isThenable } from './pace.js'
import type { Measured } from './profile.js'
import { sizeOf } from './value-size.js'

/** An item that was run to measure, and what came of it. */
export interface Sampled {
  readonly item: unknown
  readonly outcome: { readonly value: unknown } | { readonly error: unknown }
}

/**
 * Runs `items` in this thread and measures them. The first runs alone, so that computing and waiting can be told apart; if it
 * waits, the others run at the same time.
 */
export async function runSample(
  call: (item: unknown) => unknown,
  items: readonly unknown[],
): Promise<{ sampled: Sampled[]; measured: Measured }> {
  const runs = items.map((item) => new SampleRun(item))
  const [first, ...others] = runs
  let cpuShare = 1
  if (first !== undefined) {
    const busyness = new Busyness()
    const cpuBefore = process.cpuUsage()
    await first.run(call)
    if (!first.isAsync) cpuShare = shareOfCpu(cpuBefore, first.ms)
    // A loop that has hardly waited is busy, whatever the utilization of so short a time says.
    else if (first.ms >= 0.5) cpuShare = busyness.share()
  }
  if (cpuShare < IO_SHARE) await Promise.all(others.map((other) => other.run(call)))
  else for (const other of others) await other.run(call)
  return { sampled: runs, measured: measuredOf(runs, cpuShare) }
}

/** One item of the sample. */
class SampleRun implements Sampled {
  outcome: Sampled['outcome'] = { value: undefined }
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

/** Processor time is counted in steps of up to a few milliseconds; below that, an item is taken to compute. */
const SHORTEST_MS = 5

function shareOfCpu(before: NodeJS.CpuUsage, wallMs: number): number {
  if (wallMs < SHORTEST_MS) return 1
  const { user, system } = process.cpuUsage(before)
  return Math.min(1, (user + system) / 1000 / wallMs)
}

function measuredOf(sampled: readonly SampleRun[], cpuShare: number): Measured {
  const times = sampled.map(({ ms }) => ms)
  // The first item also pays for compiling the task.
  const settled = times.length > 2 ? times.slice(1) : times
  const itemMs = settled.reduce((sum, ms) => sum + ms, 0) / Math.max(1, settled.length)
  const variance = settled.reduce((sum, ms) => sum + (ms - itemMs) ** 2, 0) / Math.max(1, settled.length)
  const last = sampled.at(-1)
  const item = sizeOf(last?.item)
  const result = sizeOf(last !== undefined && 'value' in last.outcome ? last.outcome.value : undefined)
  return {
    sampleSize: sampled.length,
    itemMs,
    itemCv: itemMs === 0 ? 0 : Math.sqrt(variance) / itemMs,
    cpuShare,
    isAsync: sampled.some(({ isAsync }) => isAsync),
    itemBytes: item.bytes,
    resultBytes: result.bytes,
    cloneNodes: item.nodes + result.nodes,
    isShared: sampled.length > 0 && sampled.every((one) => typeof one.item === 'number'),
    obstacle: obstacleIn(sampled),
  }
}

function obstacleIn(sampled: readonly Sampled[]): string | undefined {
  for (const { item, outcome } of sampled) {
    const ofItem = sizeOf(item).obstacle
    if (ofItem !== undefined) return `items cannot go to a thread: ${ofItem}`
    const ofResult = 'value' in outcome ? sizeOf(outcome.value).obstacle : undefined
    if (ofResult !== undefined) return `results cannot come from a thread: ${ofResult}`
  }
  return undefined
}
