import { checkSharedName } from '../../internal/options/check-common.js'
import {
  boundIn,
  clockOption,
  dataIn,
  numberOption,
  option,
  type OptionTable,
  rawOption,
  readOptions,
} from '../../internal/options/options.js'
import { valueOf } from '../../internal/options/predicate.js'
import { PRIORITIES, USUAL_PRIORITY } from '../../internal/options/priority.js'
import { checkKeys, checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import type { LimitsChange } from '../../memory/semaphore/semaphore.js'
import { ADAPTIVE, SEMAPHORE } from '../../memory/shared/layout.js'
import type { Scope } from '../stages/scope.js'
import type { SharedBuffer } from '../../memory/shared/region.js'

/** Returns the priority of a call, an integer from 0 to 9, from the arguments of the call. */
export type PriorityOf = (...args: never[]) => number

/** Options of `bulkhead`. */
export interface BulkheadOptions {
  /**
   * How many calls run at once, an integer from 1 to 1,048,575; default 10. 'adaptive': as many as take hardly longer than when few run,
   * found by the mean time of successful calls; a call that ends by a time limit lowers it.
   */
  readonly maxConcurrent?: number | 'adaptive' | undefined
  /** The least value of an adaptive limit, an integer from 1 to 8,191; default 2. */
  readonly min?: number | undefined
  /** The greatest value of an adaptive limit, an integer from `min` to 8,191; default 1,000. */
  readonly max?: number | undefined
  /** How many calls may wait, in all threads together; an integer >= 0, default Infinity. Further calls are refused at once. */
  readonly maxQueue?: number | undefined
  /** How long a call waits before it is refused, milliseconds, >= 0; default Infinity. */
  readonly maxWaitMs?: number | undefined
  /** The same name means the same bulkhead within `scope`, or within this thread if you give a `clock`. Up to 200 characters. */
  readonly name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  readonly scope?: 'process' | 'machine' | undefined
  /**
   * Priority of a call that waits, an integer from 0 to 9; default 5. Within a thread the highest goes first, and among equals the
   * earliest; between threads the earliest goes first. A function returns the priority of each call, from the arguments of the guarded
   * function (none in `execute`).
   */
  readonly priority?: number | ((...args: never[]) => number) | undefined
  /** For tests: measures `maxWaitMs`; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Options with all defaults filled in. */
export interface CompleteBulkheadOptions extends Concurrency {
  readonly maxQueue: number
  readonly maxWaitMs: number
  readonly name: string | null
  readonly scope: 'process' | 'machine'
  readonly priority: number | PriorityOf
  readonly clock: Clock
  /** The options that are data, with their defaults. */
  readonly data: BulkheadHandle['options']
  /** The options that keep the bulkhead in its thread. */
  readonly bound: Readonly<Record<string, unknown>>
}

const QUEUE_RANGE = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true, allowInfinity: true }

/** Options that {@link Bulkhead.update} may change; an undefined one stays. An adaptive limit stays adaptive, a fixed one fixed. */
export type BulkheadChange = Pick<BulkheadOptions, 'maxConcurrent' | 'min' | 'max' | 'maxQueue'>

/** Every option of {@link BulkheadOptions}. */
export const BULKHEAD_OPTIONS = {
  maxConcurrent: rawOption<number | 'adaptive'>(),
  min: rawOption<number>(),
  max: rawOption<number>(),
  maxQueue: numberOption(QUEUE_RANGE, Infinity),
  maxWaitMs: numberOption({ min: 0, allowInfinity: true }, Infinity),
  name: rawOption<string>(),
  scope: rawOption<'process' | 'machine'>(),
  priority: option('data', checkPriority),
  clock: clockOption,
} as const satisfies OptionTable<BulkheadOptions>

function checkPriority(name: string, priority: unknown): number | PriorityOf {
  if (typeof priority === 'function') return priority as PriorityOf
  return checkNumber(name, priority === undefined ? USUAL_PRIORITY : priority, PRIORITIES)
}

/**
 * The priority of a call by its arguments, unless its caller has given one. It is computed for each call, so that a wrong one is found
 * even if no call waits.
 *
 * @throws {TypeError | RangeError} when it is not a priority; also any error of the function itself
 */
export function priorityBy(priorityOf: PriorityOf, scope: Pick<Scope, 'priority' | 'args'>): number {
  return (
    scope.priority ?? checkNumber('what priority returns', valueOf(priorityOf(...(scope.args as never[]))), PRIORITIES)
  )
}

/** How many calls may run at once. */
export interface Concurrency {
  /** The limit, or the greatest value of an adaptive one. */
  readonly maxConcurrent: number
  /** The least value of an adaptive limit; 0 for a fixed one. */
  readonly least: number
}

const FIXED_RANGE = { min: 1, max: SEMAPHORE.mostPermits, integer: true }
const ADAPTIVE_RANGE = { min: 1, max: ADAPTIVE.mostLimit, integer: true }
const LEAST = 2
const MOST = 1000

/**
 * Checks the options for how many calls may run at once.
 *
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function checkConcurrency(
  { maxConcurrent, min, max }: Pick<BulkheadOptions, 'maxConcurrent' | 'min' | 'max'>,
  usual: number | 'adaptive',
): Concurrency {
  const limit: unknown = maxConcurrent === undefined ? usual : maxConcurrent
  if (limit !== 'adaptive') {
    for (const [name, value] of Object.entries({ min, max }))
      if (value !== undefined)
        throw new TypeError(`${name} needs maxConcurrent: 'adaptive'; received ${name} with ${describe(limit)}`)
    if (typeof limit === 'string')
      throw new TypeError(
        `maxConcurrent must be an integer from 1 to ${SEMAPHORE.mostPermits}, or 'adaptive'; received ${describe(limit)}`,
      )
    return { maxConcurrent: checkNumber('maxConcurrent', limit, FIXED_RANGE), least: 0 }
  }
  const least = min === undefined ? undefined : checkNumber('min', min, ADAPTIVE_RANGE)
  const most = max === undefined ? Math.max(MOST, least ?? 0) : checkNumber('max', max, ADAPTIVE_RANGE)
  return {
    maxConcurrent: most,
    least: checkNumber('min', least ?? Math.min(LEAST, most), { ...ADAPTIVE_RANGE, max: most }),
  }
}

/**
 * Checks a change of a bulkhead. It compares `min` with `max` only if both are given: one that stays is not known here.
 *
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function checkBulkheadChange(change: BulkheadChange, isAdaptive: boolean): LimitsChange {
  checkKeys('Bulkhead.update', change, ['maxConcurrent', 'min', 'max', 'maxQueue'])
  const { maxConcurrent, min, max, maxQueue } = change
  const whole = (name: string, value: number | undefined, range: NumberRange): number | undefined =>
    value === undefined ? undefined : checkNumber(name, value, range)
  const queue = whole('maxQueue', maxQueue, QUEUE_RANGE)
  if (!isAdaptive) {
    for (const [name, value] of Object.entries({ min, max }))
      if (value !== undefined)
        throw new TypeError(
          `${name} needs a bulkhead that was made with maxConcurrent: 'adaptive'; received ${describe(value)} for one with a fixed limit`,
        )
    if (maxConcurrent === 'adaptive')
      throw new TypeError(
        "maxConcurrent of a bulkhead with a fixed limit must stay a number; received 'adaptive': make another bulkhead",
      )
    return { maxConcurrent: whole('maxConcurrent', maxConcurrent, FIXED_RANGE), maxQueue: queue }
  }
  if (maxConcurrent !== undefined && maxConcurrent !== 'adaptive')
    throw new TypeError(
      `maxConcurrent of a bulkhead with an adaptive limit must stay 'adaptive'; received ${describe(maxConcurrent)}: change min and max, or make another bulkhead`,
    )
  const most = whole('max', max, ADAPTIVE_RANGE)
  const least = whole('min', min, { ...ADAPTIVE_RANGE, max: most ?? ADAPTIVE_RANGE.max })
  return { maxConcurrent: most, least, maxQueue: queue }
}

/** Checks options and fills in the defaults. @throws {TypeError | RangeError} naming the option that is wrong */
export function completeBulkheadOptions(options: BulkheadOptions): CompleteBulkheadOptions {
  const read = readOptions('bulkhead', options, BULKHEAD_OPTIONS)
  const { maxConcurrent, least } = checkConcurrency(read, 10)
  const { name, scope } = checkSharedName(read.name, read.scope)
  const { priority, maxQueue, maxWaitMs, clock } = read
  const isFunction = typeof priority === 'function'
  const bound = boundIn(options, BULKHEAD_OPTIONS)
  const limit = least === 0 ? { maxConcurrent } : { maxConcurrent: 'adaptive' as const, min: least, max: maxConcurrent }
  return Object.freeze({
    maxConcurrent,
    least,
    maxQueue,
    maxWaitMs,
    name,
    scope,
    priority,
    clock,
    data: {
      ...limit,
      maxQueue,
      maxWaitMs,
      scope,
      ...dataIn({ ...read, ...limit, name, scope, priority: isFunction ? undefined : priority }, BULKHEAD_OPTIONS),
    },
    bound: isFunction ? { ...bound, priority } : bound,
  })
}

/**
 * The form in which a bulkhead is sent: by `workerData`, `postMessage` or `setEnvironmentData`. `Bulkhead.from` turns it back into
 * a bulkhead that shares the slots.
 */
export interface BulkheadHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.Bulkhead'
  /** The options that are data. */
  readonly options: {
    readonly maxConcurrent: number | 'adaptive'
    readonly min?: number
    readonly max?: number
    readonly maxQueue: number
    readonly maxWaitMs: number
    readonly priority?: number
    readonly name?: string
    readonly scope: 'process' | 'machine'
  }
  /** The memory of a bulkhead without a name. */
  readonly buffer?: SharedBuffer
  /** The bulkhead's first cell in `buffer`. */
  readonly cell?: number
}
