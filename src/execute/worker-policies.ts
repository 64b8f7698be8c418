import type { RateLimiterHandle } from '../rate-limit/rate-limiter-handle.js'
import type { WorkerTask } from './load-task.js'

/** The task of a run under the run's limiters, in a worker. The limiters are loaded when the first run needs them. */
export async function underPolicies(task: WorkerTask, handles: readonly RateLimiterHandle[]): Promise<WorkerTask> {
  const { RateLimiter } = await import('../rate-limit/rate-limiter.js')
  return handles.reduceRight<WorkerTask>((inner, handle) => {
    const limiter = RateLimiter.from(handle)
    return (item) => limiter.execute(() => inner(item))
  }, task)
}
