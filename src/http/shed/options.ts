import {
  booleanOption,
  clockOption,
  functionOption,
  numberOption,
  optionalNumber,
  type OptionTable,
  rawOption,
  type ReadOptions,
  readOptions,
} from '../../internal/options/options.js'
import type { Clock } from '../../internal/time/clock.js'
import type { NameScope } from '../../memory/shared/names.js'
import { checkConcurrency, type Concurrency } from '../../policy/bulkhead/options.js'
import { checkEncodedName } from '../encoded-name.js'

/** Options of all forms of {@link shed}. */
export interface ShedOptions<Request> {
  /** How many requests are worked on at once: a number, or 'adaptive' (default): as many as take hardly longer than when few are. */
  maxConcurrent?: number | 'adaptive' | undefined
  /** Bounds of an adaptive limit: integers from 1 to 8,191, default 2 and 1,000. */
  min?: number | undefined
  /** The highest value of an adaptive limit. */
  max?: number | undefined
  /**
   * How much a request matters: 0 to 9, default 5. Below 5 it is refused once half of the places are taken. `Infinity`: it is never refused
   * and takes no place; for health checks, and for what stays open, such as server-sent events.
   */
  priority?: ((request: Request) => number) | undefined
  /** Requests are also refused while the event loop is later than this. ms, > 0; default Infinity. */
  maxEventLoopDelayMs?: number | undefined
  /**
   * … and while memory is short: the working set is above this share of the memory that this process may use (the container's limit; without
   * one, so much of the machine's memory is in use), by the rule of `memoryPressure`. Above 0, at most 1; default none. If nothing says how
   * much memory there is, a process warning says so.
   */
  maxMemoryRatio?: number | undefined
  /** Same name, one limit: in every thread, or with `scope: 'machine'` in every process of this user, such as the workers of a cluster. Any characters. */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** Decides and counts, and refuses nothing. Default false. */
  dryRun?: boolean | undefined
  /** The status of a refusal; an integer from 400 to 599, default 503. */
  statusCode?: number | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

const OPTIONS = {
  // These three, and name and scope, are checked together.
  maxConcurrent: rawOption<number | 'adaptive'>(),
  min: rawOption<number>(),
  max: rawOption<number>(),
  priority: functionOption(),
  maxEventLoopDelayMs: numberOption({ min: 0, exclusiveMin: true, allowInfinity: true }, Infinity),
  maxMemoryRatio: optionalNumber({ min: 0, exclusiveMin: true, max: 1 }),
  name: rawOption<string>(),
  scope: rawOption<NameScope>(),
  dryRun: booleanOption(false),
  statusCode: numberOption({ min: 400, max: 599, integer: true }, 503),
  clock: clockOption,
  refuse: functionOption(),
} satisfies OptionTable<ShedOptions<never> & { refuse: unknown }>

/** {@link ShedOptions} with every default filled in. */
export interface CompleteShedOptions<Request>
  extends
    Pick<ReadOptions<typeof OPTIONS>, 'maxEventLoopDelayMs' | 'maxMemoryRatio' | 'dryRun' | 'statusCode' | 'clock'>,
    Pick<ShedOptions<Request>, 'priority'> {
  readonly concurrency: Concurrency
  readonly name: string | null
  readonly scope: NameScope
}

/** Checks the options of `what` and fills in the defaults. */
export function completeShedOptions<Request>(
  what: string,
  options: ShedOptions<Request>,
): CompleteShedOptions<Request> {
  const read = readOptions(what, options, OPTIONS)
  const concurrency = checkConcurrency(read, 'adaptive')
  const shared = checkEncodedName(read.name, read.scope)
  return { ...read, concurrency, ...shared } as unknown as CompleteShedOptions<Request>
}
