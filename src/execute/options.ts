import {
  checkBoolean,
  checkFunction,
  checkKeys,
  checkNumber,
  checkOneOf,
  checkSignal,
  describe,
} from '../internal/options/validate.js'
import { isPolicy, type Policy } from '../internal/policy.js'
import { checkCheckpoint, checkPath, keepsRecords, type RecorderOptions } from '../records/recorder.js'
import { checkHooks, type RunHooks } from './hooks.js'
import { refuseWhileLoading } from './nesting.js'
import type { RunMode } from './schedule/cost-model.js'
import { currentLimits, SMALLEST_HEAP_BYTES } from './schedule/machine.js'
import { IN_WORKER, MOST_IN_FLIGHT } from './schedule/timing.js'
import { areApart } from './transfer/shared-policies.js'

export const CARRY = Symbol('amorsize.carry')

/** Where a run is carried out instead of in this process; `bullmq()` of `amorsize/bullmq` makes one. */
export interface Elsewhere {
  /** Marks it as such. */
  readonly kind: 'amorsize.elsewhere'
  /** @internal A `Carrying` of run/run.ts. */
  readonly [CARRY]: unknown
}

/** Options of `execute` and `optimize`. All may be left out: the defaults are what is measured. */
export interface ScheduleOptions extends RecorderOptions {
  /**
   * Most items under way at once, in this thread and all workers, whatever the mode, >= 1; one that `timeoutMs` or a policy has given up counts
   * no more. Default: `workers`, if that is given, and otherwise what makes the run fastest.
   */
  readonly concurrency?: number | undefined
  /**
   * Worker threads, >= 1; without `concurrency` also the most items under way at once, in this thread and all workers. Default: what the machine
   * allows and the items need.
   */
  readonly workers?: number | undefined
  /** Items a worker is sent at a time, >= 1. Default: as many as take `targetChunkMs`, fewer towards the end. */
  readonly chunkSize?: number | undefined
  /** Forces a mode. Default: what is estimated to be the fastest. */
  readonly mode?: RunMode | undefined
  /** For items that wait as well as compute: which mode to take when both would do. */
  readonly prefer?: 'async' | 'threads' | undefined
  /**
   * Items that `optimize` runs in this thread to measure them, and that have settled before `execute` and `stream` decide where items return
   * promises, >= 1; default 5. For other items these go by time. The results are kept.
   */
  readonly sampleSize?: number | undefined
  /** Milliseconds of work in a chunk, > 0; default 4. */
  readonly targetChunkMs?: number | undefined
  /** Bytes of heap a worker may use, >= 8 MiB; one that needs more is ended with its item. Default: Node's own limit, less where memory is scarce. */
  readonly maxMemoryPerWorker?: number | undefined
  /** Ends the run: queued items at once, running synchronous items by ending their worker. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds an item may take from its start, > 0; default Infinity. Synchronous items then run only in workers. */
  readonly timeoutMs?: number | undefined
  /** Applied to each item, the first one outermost, with one state over all workers. One that belongs to this thread keeps the run in it. */
  readonly policies?: readonly Policy[] | undefined
  /** Listeners of the run; see {@link RunHooks}. */
  readonly hooks?: RunHooks | undefined
  /** 'throw' (default): the first item that fails ends the run. 'collect': results are `PromiseSettledResult`s. */
  readonly onError?: 'throw' | 'collect' | undefined
  /** How often an item is tried again whose worker died, >= 0; default 1. */
  readonly retryCrashedItems?: number | undefined
  /** Whether to use fewer workers while other programs keep the machine busy; default false. */
  readonly adjustForLoad?: boolean | undefined
  /** Whether what earlier runs measured about the same task and kind of items may be used; default true. */
  readonly useCache?: boolean | undefined
  /**
   * Whether this thread runs items too while there are workers, at most 4 ms between turns of its event loop. Default: unless an item takes
   * longer than that, or items that are sent in chunks differ so much that some do: then workers do them all, one more of them if need be.
   */
  readonly mainThread?: boolean | undefined
  /** 'serial': an item that fails in a worker, with an error of its own, is run in this thread once more; never one that has ended its worker. */
  readonly degrade?: 'serial' | undefined
  /** Hears of each item that was run again in this thread. */
  readonly onDegraded?: ((event: { readonly index: number; readonly error: unknown }) => void) | undefined
  /**
   * Where the items are worked on instead of in this process: `bullmq({ … })` of `amorsize/bullmq`. Not of `optimize`; and not beside options
   * of how this process works, such as `mode`, `workers` and `policies`.
   */
  readonly on?: Elsewhere | undefined
}

/** Options of `stream`. */
export interface StreamOptions extends ScheduleOptions {
  /** true (default): results in input order; false: as they come. */
  readonly ordered?: boolean | undefined
  /** Most items between the source and the reader, >= 1; 'auto': what a part of the available memory holds. */
  readonly batchSize?: number | 'auto' | undefined
}

/** Options with all defaults filled in. */
export interface CompleteOptions extends StreamOptions {
  readonly sampleSize: number
  readonly targetChunkMs: number
  readonly timeoutMs: number
  readonly onError: 'throw' | 'collect'
  readonly retryCrashedItems: number
  readonly useCache: boolean
  readonly ordered: boolean
  readonly policies: readonly Policy[]
  /** Whether nothing is asked for that has to see each item: the loop may run as it is. */
  readonly isPlain: boolean
}

/** The options of a call without any; shared, so that such a call makes none. */
export const DEFAULTS: CompleteOptions = Object.freeze({
  sampleSize: 5,
  targetChunkMs: 4,
  timeoutMs: Infinity,
  onError: 'throw',
  retryCrashedItems: 1,
  useCache: true,
  ordered: true,
  policies: [],
  isPlain: true,
})

/** Options that say how this process works, which somebody else does where a run is carried out elsewhere. */
const ONLY_HERE = [
  'concurrency',
  'workers',
  'chunkSize',
  'mode',
  'prefer',
  'targetChunkMs',
  'maxMemoryPerWorker',
  'policies',
  'adjustForLoad',
  'mainThread',
  'degrade',
  'onDegraded',
] as const

const checkCount = (name: string, value: unknown): number => checkNumber(name, value, { min: 1, integer: true })

/** The check of each option that is given, in the order in which messages list them. */
const CHECKS: Readonly<Record<keyof StreamOptions, (name: string, value: never, given: StreamOptions) => unknown>> = {
  concurrency: checkCount,
  workers: checkWorkers,
  chunkSize: checkCount,
  mode: (name, value) => checkOneOf(name, value, ['serial', 'async', 'threads']),
  prefer: (name, value) => checkOneOf(name, value, ['async', 'threads']),
  sampleSize: checkCount,
  targetChunkMs: (name, value) => checkNumber(name, value, { min: 0, exclusiveMin: true }),
  maxMemoryPerWorker: (name, value) => checkNumber(name, value, { min: SMALLEST_HEAP_BYTES }),
  signal: checkSignal,
  timeoutMs: (name, value) => checkNumber(name, value, { min: 0, exclusiveMin: true, allowInfinity: true }),
  policies: checkPolicies,
  onProgress: checkFunction,
  progress: checkBoolean,
  hooks: (_, hooks) => checkHooks(hooks),
  onError: (name, value) => checkOneOf(name, value, ['throw', 'collect']),
  deadLetter: checkPath,
  checkpoint: (_, checkpoint) => checkCheckpoint(checkpoint),
  retryCrashedItems: (name, value) => checkNumber(name, value, { min: 0, integer: true }),
  adjustForLoad: checkBoolean,
  useCache: checkBoolean,
  mainThread: checkBoolean,
  degrade: (name, value) => checkOneOf(name, value, ['serial']),
  onDegraded: checkFunction,
  on: checkOn,
  ordered: checkBoolean,
  batchSize: checkBatchSize,
}
const KEYS = Object.keys(CHECKS) as (keyof StreamOptions)[]
const ONLY_STREAM: readonly string[] = ['ordered', 'batchSize']
const EXECUTE_KEYS = KEYS.filter((name) => !ONLY_STREAM.includes(name))

/**
 * Checks the options and fills in the defaults.
 *
 * @param what - the function they were given to, for messages
 * @throws {TypeError} when one is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @throws {ExecutionError} ERR_EXECUTION when a worker is importing the task's module
 */
export function completeOptions(
  what: 'execute' | 'optimize' | 'stream',
  given: StreamOptions | undefined,
): CompleteOptions {
  refuseWhileLoading()
  if (given === undefined) return DEFAULTS
  checkKeys(what, given, what === 'stream' ? KEYS : EXECUTE_KEYS)
  const own = withoutUndefined(given)
  if (what === 'optimize' && own.on !== undefined)
    throw new TypeError('on is no option of optimize, which plans for this process: give it to execute or stream')
  for (const name of KEYS) if (name in own) CHECKS[name](name, own[name] as never, own)
  const o = { ...DEFAULTS, ...(own as Partial<CompleteOptions>) }
  const isPlain =
    o.hooks === undefined &&
    !keepsRecords(o) &&
    o.onError === 'throw' &&
    o.timeoutMs === Infinity &&
    o.policies.length === 0 &&
    o.on === undefined
  return { ...o, isPlain }
}

/** Whether this thread may run items that no worker can do anything for. */
export function mayRunHere({ mainThread, timeoutMs }: CompleteOptions): boolean {
  return mainThread !== false && timeoutMs === Infinity
}

/** Whether items that go to workers for the sake of their time limit alone may be begun in this thread once they have shown that they wait. */
export function mayWaitHere({ mode, prefer, mainThread }: CompleteOptions): boolean {
  return mode === undefined && prefer !== 'threads' && mainThread !== false
}

/** Most items that may be under way at once, in all threads: what the caller has said. */
export function mostUnderWay({ mode, concurrency, workers }: CompleteOptions): number {
  return mode === 'serial' ? 1 : (concurrency ?? workers ?? Infinity)
}

/**
 * How many items that wait a worker may have under way: one where what policies make of it, such as an open breaker, holds for the next.
 *
 * @param others - threads that have items under way besides, for which a part of what the caller allows is left
 */
export function mostInWorker(options: CompleteOptions, workers: number, others = 0): number {
  if (!areApart(options.policies)) return 1
  const part = Math.floor(MOST_IN_FLIGHT / workers)
  const allowed = Math.floor(mostUnderWay(options) / (workers + others))
  return Math.max(1, Math.min(allowed, Math.max(IN_WORKER.least, Math.min(IN_WORKER.most, part))))
}

/** Numbers of workers that no machine refuses need no look at its limits. */
const FEW_WORKERS = 16

function checkWorkers(name: string, value: unknown, { mode }: StreamOptions): void {
  const workers = checkCount(name, value)
  if (workers <= FEW_WORKERS || mode === 'async' || mode === 'serial') return
  const { mostWorkers } = currentLimits()
  if (workers > mostWorkers) {
    throw new RangeError(
      `workers must be an integer >= 1 and <= ${mostWorkers}, what the limits of threads and memory allow; received ${describe(workers)}`,
    )
  }
}

function checkOn(_: string, on: Elsewhere, given: StreamOptions): void {
  if (typeof (on as Partial<Elsewhere> | null)?.[CARRY] !== 'function')
    throw new TypeError(`on must be what bullmq() of 'amorsize/bullmq' returned; received ${describe(on)}`)
  const other = ONLY_HERE.find((name) => given[name] !== undefined)
  if (other !== undefined)
    throw new TypeError(`${other} says how this process works, and cannot stand beside on: give it to the workers`)
}

function withoutUndefined(given: StreamOptions): StreamOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function checkPolicies(_: string, policies: unknown): void {
  if (!Array.isArray(policies))
    throw new TypeError(`policies must be an array of policies; received ${describe(policies)}`)
  policies.forEach((policy, position) => {
    if (!isPolicy(policy)) throw new TypeError(`policies[${position}] must be a policy; received ${describe(policy)}`)
  })
}

function checkBatchSize(name: string, value: unknown): void {
  if (value === 'auto') return
  if (typeof value === 'string')
    throw new RangeError(`${name} must be an integer >= 1, or 'auto'; received ${describe(value)}`)
  checkCount(name, value)
}
