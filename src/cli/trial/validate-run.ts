import { type Considered, execute, optimize } from '../../index.js'
import { median } from '../statistics.js'
import type { Workload } from './validate-workloads.js'

/** One way to run a workload: the time it was expected to take, and the time it took. */
export interface Trial extends Considered {
  readonly measuredMs: number
}

/** How good the plan for a workload was. */
export interface Validation {
  readonly workload: string
  /** Time of the plain loop, in milliseconds. */
  readonly loopMs: number
  readonly plan: Pick<Considered, 'mode' | 'workers' | 'chunkSize'>
  readonly estimatedSpeedup: number
  /** Time of the loop over that of `optimize` and `plan.run()`. */
  readonly measuredSpeedup: number
  /** How far the estimate is off, as a share of what was measured. */
  readonly error: number
  /** Time of the plan divided by that of the best way, minus 1: 0 if the plan is the best. */
  readonly regret: number
  /** Every way that was considered. */
  readonly trials: readonly Trial[]
}

/** Runs `workload` in a loop, as planned, and in every way the plan considered, `rounds` times in turn. */
export async function validate(workload: Workload, rounds: number): Promise<Validation> {
  const { task, items, name } = workload
  // Compile the code and warm up the workers first, as in a program that has been running for a while.
  await runLoop(workload)
  await execute(task, items, { useCache: false })

  const loops: number[] = []
  const plans: number[] = []
  const trials: number[][] = []
  let plan = await optimize(task, items, { useCache: false })
  const { considered } = plan.profile
  for (let round = 0; round < rounds; round++) {
    loops.push(await timed(() => runLoop(workload)))
    plans.push(
      await timed(async () => {
        plan = await optimize(task, items, { useCache: false })
        await plan.run()
      }),
    )
    for (const [i, { mode, workers, chunkSize }] of considered.entries()) {
      const forced = mode === 'serial' ? { mode } : mode === 'async' ? { mode, workers } : { mode, workers, chunkSize }
      ;(trials[i] ??= []).push(await timed(() => execute(task, items, forced)))
    }
  }

  const loopMs = median(loops)
  const planMs = median(plans)
  const measured = considered.map((one, i) => ({ ...one, measuredMs: median(trials[i] ?? []) }))
  const measuredSpeedup = loopMs / planMs
  const { mode, workers, chunkSize, estimatedSpeedup } = plan
  return {
    workload: name,
    loopMs,
    plan: { mode, workers, chunkSize },
    estimatedSpeedup,
    measuredSpeedup,
    error: Math.abs(estimatedSpeedup - measuredSpeedup) / measuredSpeedup,
    regret: Math.max(0, planMs / Math.min(loopMs, planMs, ...measured.map(({ measuredMs }) => measuredMs)) - 1),
    trials: measured,
  }
}

async function runLoop({ task, items }: Workload): Promise<void> {
  const results: unknown[] = []
  for (let i = 0; i < items.length; i++) {
    const result = task(items[i])
    results.push(result instanceof Promise ? await result : result)
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}
