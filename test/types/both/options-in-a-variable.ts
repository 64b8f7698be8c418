// What is not known of `onError` as a program is compiled may be either.
import {
  type Considered,
  execute,
  KeyedRateLimiter,
  optimize,
  type Plan,
  rateLimit,
  RateLimiter,
  type ScheduleOptions,
  stream,
  withRateLimit,
  withRetry,
  withTimeout,
} from 'amorsize'

const half = (n: number): number => n / 2

export async function run(options: ScheduleOptions): Promise<void> {
  const either: number[] | PromiseSettledResult<number>[] = await execute(half, [1], options)
  // @ts-expect-error -- with `collect` they are outcomes
  const results: number[] = await execute(half, [1], options)
  const plain: number[] = await execute(half, [1], { workers: 1 })
  const thrown: number[] = await execute(half, [1], { onError: 'throw' })
  const settled: PromiseSettledResult<number>[] = await execute(half, [1], { ...options, onError: 'collect' })
  const plan: Plan<number> | Plan<PromiseSettledResult<number>> = await optimize(half, [1], options)
  // Whatever its results are; its lists are the plan's own.
  const any: Plan = plan
  const warnings: string[] = any.warnings
  const considered: Considered[] = any.profile.considered
  // @ts-expect-error -- as of execute
  for await (const one of stream(half, [1], options)) one.toFixed()
  for (const one of [either, results, plain, thrown, settled, plan, warnings, considered]) console.log(one)
}

/** Decorated methods whose types hold parameters of the class. */
export class Repository<T extends object> {
  constructor(readonly rows: readonly T[]) {}

  @withRetry({ maxRetries: 1 })
  async first(): Promise<T | undefined> {
    return Promise.resolve(this.rows[0])
  }

  @withTimeout(10)
  async page(): Promise<{ rows: readonly T[]; next: string | null }> {
    return Promise.resolve({ rows: this.rows, next: null })
  }
}

/** A rate that a configuration may leave out. */
export function limitsOf(requestsPerSecond: number | undefined): unknown[] {
  const limits = [new RateLimiter({ requestsPerSecond }), new KeyedRateLimiter({ requestsPerSecond, capacity: 8 })]
  return [...limits, rateLimit({ requestsPerSecond }), withRateLimit({ requestsPerSecond })]
}
