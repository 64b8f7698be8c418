import { SharedMemoryError } from '../errors.js'
import type { DurationSummary } from '../internal/events/histogram.js'
import { checkBoolean, checkKeys, describe } from '../internal/options/validate.js'
import { BREAKER_STATES } from '../memory/breaker/breaker.js'
import { sharedMemoryName } from '../memory/machine/regions.js'
import { type MachineEntry, readMachine } from '../memory/machine/view.js'
import { Bulkhead } from '../policy/bulkhead/bulkhead.js'
import { CircuitBreaker } from '../policy/circuit-breaker/circuit-breaker.js'
import { RetryBudget } from '../policy/retry/budget.js'
import { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import { systemInfo, type SystemInfo } from '../system/index.js'
import { BUCKET_SECONDS, FAMILIES, type Family, type Sample } from './families.js'
import { Labels, LabelsOfNames } from './labels.js'
import { isReportable, objectRegistry } from './registry.js'
import { type RunCounts, RunMetrics } from './run-metrics.js'

/** Objects to measure, and how their series are named. */
export interface MetricsOptions {
  /**
   * Limiters and policies of this thread by their labels, in addition to those of `registerObject` and `registerNewObjects`. Objects with
   * `stats()` report their counts; limiters, breakers, bulkheads and retry budgets report their state, too.
   */
  readonly objects?: Readonly<Record<string, object>> | undefined
  /** Whether to show the names of this machine, as `amorsize top` does; default true. They are the same for all processes. */
  readonly machine?: boolean | undefined
  /** Prefix of each name: letters, digits and `_`, not starting with a digit; default 'amorsize_'. */
  readonly prefix?: string | undefined
}

/** Options with all defaults filled in. */
export interface CompleteMetricsOptions {
  readonly objects: Readonly<Record<string, object>>
  readonly machine: boolean
  readonly prefix: string
}

/** Checks the options and fills in the defaults. @throws {TypeError | RangeError} for an invalid option */
export function completeMetricsOptions(who: string, options: MetricsOptions): CompleteMetricsOptions {
  checkKeys(who, options, ['objects', 'machine', 'prefix'])
  const { objects = {}, machine = true, prefix = 'amorsize_' } = options
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string; received ${describe(prefix)}`)
  if (!/^([A-Za-z_][A-Za-z0-9_]*)?$/.test(prefix))
    throw new RangeError(`prefix must hold letters, digits and _ only, no digit first; received ${describe(prefix)}`)
  if (typeof objects !== 'object' || (objects as object | null) === null || Array.isArray(objects))
    throw new TypeError(
      `objects must be an object with a limiter or policy under each name; received ${describe(objects)}`,
    )
  for (const [label, object] of Object.entries(objects)) {
    if (!isReportable(object))
      throw new TypeError(
        `objects.${label} must be a limiter or policy with stats(), or a RetryBudget; received ${describe(object)}`,
      )
  }
  return { objects, machine: checkBoolean('machine', machine), prefix }
}

/** Takes all samples of this moment. */
export function takeSamples({ objects, machine }: CompleteMetricsOptions): Sample[] {
  const all = [...Object.entries(objects), ...objectRegistry.entries(objects)]
  const own = all.flatMap(([label, object]) => samplesOf(label, object))
  return machine ? [...own, ...machineSamples(), ...containerSamples()] : own
}

/** Groups samples by family; those of the process and of the machine are kept apart. */
export class SamplesByFamily {
  readonly #ofProcess = new Map<Family, Sample[]>()
  readonly #ofMachine = new Map<Family, Sample[]>()

  constructor(samples: readonly Sample[]) {
    for (const sample of samples) {
      const groups = sample.isOfMachine ? this.#ofMachine : this.#ofProcess
      const group = groups.get(sample.family)
      if (group === undefined) groups.set(sample.family, [sample])
      else group.push(sample)
    }
  }

  of(family: Family, isOfMachine: boolean): readonly Sample[] {
    return (isOfMachine ? this.#ofMachine : this.#ofProcess).get(family) ?? []
  }
}

const namesOfMachine = new LabelsOfNames()

/** Samples for the machine's names; none if shared memory is unavailable. */
export function machineSamples(
  read: () => readonly MachineEntry[] = readMachine,
  machine: () => string = sharedMemoryName,
): Sample[] {
  try {
    const all: Sample[] = []
    const entries = read()
    namesOfMachine.begin(entries.length === 0 ? '' : machine())
    for (const entry of entries) {
      const labels = entry.state === 'ready' && entry.name !== null ? namesOfMachine.of(entry.kind, entry.name) : null
      if (labels !== null) addEntry(new Collector(labels, true, all), entry)
    }
    return all
  } catch (error) {
    if (SharedMemoryError.is(error) && error.reason === 'unavailable') return []
    throw error
  }
}

/** Samples for the container of this process; every process in it sees the same ones. */
function containerSamples({ cpu, memory }: SystemInfo = systemInfo()): Sample[] {
  const all = new Collector(new Labels({}), true)
  all.add(FAMILIES.throttledPeriods, cpu.throttledPeriods)
  if (cpu.throttledMs !== null) all.add(FAMILIES.throttled, cpu.throttledMs / 1000)
  all.add(
    FAMILIES.memoryLimit,
    memory.limitBytes === null && memory.highBytes === null ? null : memory.effectiveLimitBytes,
  )
  all.add(FAMILIES.memoryUsed, memory.workingSetBytes)
  all.add(FAMILIES.memoryEvents, memory.highEvents, 'event', 'high')
  all.add(FAMILIES.memoryEvents, memory.maxEvents, 'event', 'max')
  all.add(FAMILIES.memoryEvents, memory.oomKills, 'event', 'oom_kill')
  return all.samples
}

/** Collects samples of one object and leaves out unknown values. */
class Collector {
  constructor(
    readonly labels: Labels,
    readonly isOfMachine: boolean,
    /** May hold samples of other objects already. */
    readonly samples: Sample[] = [],
  ) {}

  /** @param key - name of an additional label, whose value is `label` */
  add(family: Family, value: number | null | undefined, key?: string, label = ''): void {
    if (typeof value !== 'number' || Number.isNaN(value)) return
    const labels = key === undefined ? this.labels : this.labels.with(key, label)
    this.samples.push({ family, labels, value, isOfMachine: this.isOfMachine })
  }

  addHistogram(family: Family, durations: DurationSummary | undefined, labels = this.labels): void {
    if (durations === undefined) return
    const { isOfMachine } = this
    const bucket = (le: string, value: number): Sample => ({
      family,
      part: '_bucket',
      labels: labels.with('le', le),
      value,
      isOfMachine,
    })
    const { count, meanMs } = durations
    this.samples.push(
      ...BUCKET_SECONDS.map((seconds) => bucket(String(seconds), durations.countWithin(1000 * seconds))),
      bucket('+Inf', count),
      { family, part: '_sum', labels, value: (count * (meanMs ?? 0)) / 1000, isOfMachine },
      { family, part: '_count', labels, value: count, isOfMachine },
    )
  }

  addState(state: string): void {
    for (const each of BREAKER_STATES) this.add(FAMILIES.breakerState, Number(each === state), 'state', each)
  }
}

function addEntry(all: Collector, entry: MachineEntry): void {
  all.add(FAMILIES.processes, entry.processes.length, 'kind', entry.kind)
  all.add(FAMILIES.decisions, entry.allowed, 'outcome', 'acquired')
  all.add(FAMILIES.decisions, entry.denied, 'outcome', 'refused')
  all.add(FAMILIES.tokens, entry.tokens)
  all.add(FAMILIES.burst, entry.burstSize)
  all.add(FAMILIES.rate, entry.requestsPerSecond)
  all.add(FAMILIES.debt, entry.debt)
  all.add(FAMILIES.waitingTokens, entry.waiting)
  if (entry.retryAfterMs !== null) all.add(FAMILIES.nextWait, entry.retryAfterMs / 1000)
  if (entry.requestsPerSecond !== null) all.add(FAMILIES.paused, (entry.pausedMs ?? 0) / 1000)
  all.add(FAMILIES.keys, entry.keys)
  all.add(FAMILIES.keyCapacity, entry.keyCapacity)
  all.add(FAMILIES.evictions, entry.evicted)
  all.add(FAMILIES.permits, entry.permits)
  all.add(FAMILIES.permitLimit, entry.maxConcurrent)
  if (entry.breaker !== null) all.addState(entry.breaker)
}

/** Counts in a limiter's `stats()`. Limiters that callers use have `denied`; the limits of a server have `refused`. */
interface LimiterCounts {
  readonly allowed: number
  readonly denied?: number
  readonly refused?: number
  readonly waiting?: number
  readonly waitedMs?: number
  readonly retryAfterMs?: number
  readonly waits?: DurationSummary
  /** Only limiters over Redis have these two. */
  readonly roundTrips?: number
  readonly fallbacks?: number
}

function samplesOf(label: string, object: object): Sample[] {
  const all = new Collector(new Labels({ name: label, scope: 'process' }), false)
  try {
    addObject(all, object)
  } catch (error) {
    // A disposed object no longer counts, and must not make the scrape fail for all others.
    if (!SharedMemoryError.is(error) || error.reason !== 'disposed') throw error
  }
  return all.samples
}

function addObject(all: Collector, object: object): void {
  if (object instanceof RetryBudget) {
    all.add(FAMILIES.retriesLeft, object.available)
    return
  }
  if (object instanceof RunMetrics) {
    addRuns(all, object.stats())
    return
  }
  const stats: unknown = (object as { stats: () => unknown }).stats()
  if (isLimiterCounts(stats)) {
    all.add(FAMILIES.decisions, stats.allowed, 'outcome', 'acquired')
    all.add(FAMILIES.decisions, stats.denied ?? stats.refused, 'outcome', 'refused')
    all.add(FAMILIES.waiting, stats.waiting)
    all.add(FAMILIES.waited, (stats.waitedMs ?? NaN) / 1000)
    all.addHistogram(FAMILIES.waits, stats.waits)
    all.add(FAMILIES.nextWait, (stats.retryAfterMs ?? NaN) / 1000)
    all.add(FAMILIES.roundTrips, stats.roundTrips)
    all.add(FAMILIES.fallbacks, stats.fallbacks)
  } else if (isShedCounts(stats)) {
    addCounts(all, 'shed', { admitted: stats.admitted, refused: stats.refused })
    all.add(FAMILIES.permits, stats.inUse)
    all.add(FAMILIES.permitLimit, stats.limit)
  }
  if (object instanceof RateLimiter) {
    all.add(FAMILIES.tokens, object.getAvailableTokens())
    all.add(FAMILIES.burst, object.policy.burstSize)
    all.add(FAMILIES.rate, object.policy.requestsPerSecond)
  } else if (object instanceof KeyedRateLimiter) {
    all.add(FAMILIES.keys, object.size)
    all.add(FAMILIES.keyCapacity, object.capacity)
  } else if (object instanceof Bulkhead) {
    all.add(FAMILIES.permitLimit, object.maxConcurrent)
    all.add(FAMILIES.permits, object.inUse)
    all.add(FAMILIES.queued, object.stats().queued)
  } else if (object instanceof CircuitBreaker) {
    all.addState(object.state)
  }
  const { kind } = object as { kind?: unknown }
  if (typeof kind === 'string' && !isLimiterCounts(stats)) {
    addCounts(all, kind, stats)
    // A hedge forgets old durations, so its counts may fall, which those of a histogram must not.
    if (kind !== 'hedge') all.addHistogram(FAMILIES.durations, durationsOf(stats), all.labels.with('policy', kind))
  }
}

function addRuns(all: Collector, counts: RunCounts): void {
  all.add(FAMILIES.runs, counts.runs - counts.failedRuns, 'outcome', 'completed')
  all.add(FAMILIES.runs, counts.failedRuns, 'outcome', 'failed')
  all.add(FAMILIES.runsUnderWay, counts.underWay)
  all.add(FAMILIES.items, counts.completed, 'outcome', 'completed')
  all.add(FAMILIES.items, counts.failed, 'outcome', 'failed')
  all.add(FAMILIES.itemsLeft, counts.left)
  all.add(FAMILIES.workersStarted, counts.workersStarted)
  all.add(FAMILIES.workersLost, counts.workersLost)
}

function durationsOf(stats: unknown): DurationSummary | undefined {
  return (stats as { durations?: DurationSummary }).durations
}

function isLimiterCounts(stats: unknown): stats is LimiterCounts {
  return typeof stats === 'object' && stats !== null && 'allowed' in stats
}

/** The counts in the `stats()` of `shed` that are reported. */
interface ShedCounts {
  readonly admitted: number
  readonly refused: number
  readonly inUse: number
  readonly limit: number
}

function isShedCounts(stats: unknown): stats is ShedCounts {
  return typeof stats === 'object' && stats !== null && 'admitted' in stats && 'inUse' in stats
}

/** Numbers in `stats()` that are not counts of calls that have ended. */
const NOT_COUNTS = new Set(['running', 'queued', 'waiting', 'underWay', 'generation'])

/** Adds every count of a policy, with the name of its field as the outcome. */
function addCounts(all: Collector, policy: string, stats: unknown): void {
  const ofPolicy = new Collector(all.labels.with('policy', policy), false, all.samples)
  for (const [outcome, value] of Object.entries(stats as Record<string, unknown>))
    if (typeof value === 'number' && !NOT_COUNTS.has(outcome)) ofPolicy.add(FAMILIES.calls, value, 'outcome', outcome)
}
