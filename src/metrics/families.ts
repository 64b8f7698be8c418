import type { Labels } from './labels.js'

/** A metric: its kind, its help and its name in every system. */
export interface Family {
  /** Name without the prefix, in base units; `_total` marks a value that only grows. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the values of a cluster's processes are combined: by their sum, unless a sum says nothing. */
  readonly together: 'sum' | 'max'
}

/** One number of a family. */
export interface Sample {
  readonly family: Family
  readonly labels: Labels
  readonly value: number
  /** Suffix of a histogram series: `_bucket`, `_sum` or `_count`. */
  readonly part?: '_bucket' | '_sum' | '_count'
  /** Whether every process of the machine sees the same number, so that a sum over processes would be wrong. */
  readonly isOfMachine: boolean
}

const counter = (name: string, help: string): Family => ({
  name: `${name}_total`,
  help,
  type: 'counter',
  together: 'sum',
})
const gauge = (name: string, help: string, together: Family['together'] = 'sum'): Family => ({
  name,
  help,
  type: 'gauge',
  together,
})
const histogram = (name: string, help: string): Family => ({ name, help, type: 'histogram', together: 'sum' })

/** All families, in the order in which they are shown. */
export const FAMILIES = {
  decisions: counter('limiter_decisions', 'Decisions of a rate limiter, by outcome: acquired or refused.'),
  tokens: gauge('limiter_tokens', 'Tokens that are free now.'),
  burst: gauge('limiter_burst_tokens', 'Most tokens that can be free.'),
  rate: gauge('limiter_rate_per_second', 'Tokens that are produced per second.'),
  debt: gauge(
    'limiter_debt_tokens',
    'Tokens that waiting callers and debts have reserved beyond those that are there.',
  ),
  paused: gauge('limiter_paused_seconds', 'Time until a pause ends.'),
  waiting: gauge('limiter_waiting', 'Callers that wait for tokens now.'),
  waitingTokens: gauge('limiter_waiting_tokens', 'Tokens that waiting callers want who have no reservation yet.'),
  nextWait: gauge('limiter_next_wait_seconds', 'How long the next caller would wait for a token.', 'max'),
  waited: counter('limiter_wait_seconds', 'Time that granted callers have waited.'),
  waits: histogram('limiter_wait_duration_seconds', 'How long granted callers have waited, of those who had to.'),
  roundTrips: counter('limiter_round_trips', 'Questions of a limiter over Redis to its server.'),
  fallbacks: counter('limiter_fallbacks', 'Decisions of a limiter over Redis while its server was away.'),
  durations: histogram('policy_duration_seconds', 'How long attempts under a breaker or a timeout took.'),
  keys: gauge('limiter_keys', 'Keys whose bucket is not full.'),
  keyCapacity: gauge('limiter_key_capacity', 'Keys that the table has room for.'),
  evictions: counter('limiter_evicted_keys', 'Keys whose place another took while they had less than a full bucket.'),
  breakerState: gauge(
    'breaker_state',
    'State of a circuit breaker: 1 for the state it is in, 0 for the others.',
    'max',
  ),
  permits: gauge('bulkhead_permits_in_use', 'Permits of a bulkhead that are in use.'),
  permitLimit: gauge('bulkhead_permits_limit', 'Permits that a bulkhead has.'),
  queued: gauge('bulkhead_queued', 'Calls that wait for a permit now.'),
  calls: counter('policy_calls', 'Calls under a policy in this process, by what became of them.'),
  retriesLeft: gauge('retry_budget_retries', 'Retries that a retry budget has left now.'),
  runs: counter('execute_runs', 'Runs of execute and stream that have ended, by outcome: completed or failed.'),
  runsUnderWay: gauge('execute_runs_under_way', 'Runs of execute and stream under way.'),
  items: counter('execute_items', 'Items of runs that have ended, by outcome: completed or failed.'),
  itemsLeft: gauge('execute_items_left', 'Items of runs under way that have not ended, where their number is known.'),
  workersStarted: counter('execute_workers_started', 'Worker threads that have joined a run.'),
  workersLost: counter('execute_workers_lost', 'Worker threads that have ended in the middle of a run.'),
  throttledPeriods: counter(
    'container_cpu_throttled_periods',
    'Periods of the CPU quota in which a thread had to wait.',
  ),
  throttled: counter('container_cpu_throttled_seconds', 'How long threads have waited for the CPU quota.'),
  memoryLimit: gauge('container_memory_limit_bytes', 'Memory that the container may use.'),
  memoryUsed: gauge('container_memory_working_set_bytes', 'Memory that the container uses, less page cache.'),
  memoryEvents: counter(
    'container_memory_events',
    'How often a limit of memory was met, by event: high (slowed down), max (at the hard limit), oom_kill.',
  ),
  processes: gauge('name_processes', 'Processes that use a name of the machine.'),
} as const satisfies Record<string, Family>

/** Upper ends of the buckets of histograms, in seconds. */
export const BUCKET_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/**
 * The full name of a metric. Values of the machine have names of their own: a sum over the processes of a cluster would count
 * them several times.
 */
export function metricName(prefix: string, family: Family, isOfMachine: boolean): string {
  return `${prefix}${isOfMachine ? 'machine_' : ''}${family.name}`
}
