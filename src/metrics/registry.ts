import { builtins } from '../internal/builtins.js'
import { CREATED, type Created } from '../internal/created.js'
import { warnings } from '../internal/events/warnings.js'
import { checkKeys, checkNumber, describe } from '../internal/options/validate.js'
import { RetryBudget } from '../policy/retry/budget.js'

/** Options of automatic registration. */
export interface RegisterNewOptions {
  /** Most objects at a time: an integer from 1 to 100,000, default 1,000. Further ones are left out, and a process warning says so. */
  readonly most?: number | undefined
}

const DEFAULT_MOST = 1000
const LARGEST_MOST = 100_000
/** The kind of a policy around a limiter; the limiter is reported by itself. */
const AROUND_A_LIMITER = 'rate-limit'

/** Whether metrics can report `object`: a limiter or policy with `stats()`, or a retry budget. */
export function isReportable(object: unknown): object is object {
  return (
    typeof (object as { stats?: unknown } | null | undefined)?.stats === 'function' || object instanceof RetryBudget
  )
}

/**
 * Objects of this thread that metrics report, held weakly: an object that nobody else holds is collected, and its series end.
 */
class ObjectRegistry {
  readonly #byLabel = new Map<string, WeakRef<object>>()
  readonly #lastNumbers = new Map<string, number>()

  /** @returns a function that removes it */
  add(label: string, object: object): () => void {
    const held = this.#byLabel.get(label)?.deref()
    if (held !== undefined && held !== object)
      throw new Error(`metrics already report another object as '${label}'; give this one a label of its own`)
    const ref = new WeakRef(object)
    this.#byLabel.set(label, ref)
    return () => {
      if (this.#byLabel.get(label) === ref) this.#byLabel.delete(label)
    }
  }

  /** Adds an object under its name, or its kind and a number. */
  addNew({ object, kind, name }: Created, most: number): void {
    if (!isReportable(object) || kind === AROUND_A_LIMITER) return
    if (this.#byLabel.size >= most && this.#drop() >= most) {
      warnings.once(
        'AMORSIZE_METRICS_FULL',
        `metrics report at most ${most} objects: either limiters or policies are made for each request, or registerNewObjects needs a larger \`most\``,
      )
      return
    }
    this.add(name === null ? this.#numbered(`${kind}-`) : this.#free(name), object)
  }

  /** Labels and objects, without the objects in `others`. A label that is taken there gets a number. */
  entries(others: Readonly<Record<string, object>>): [string, object][] {
    const given = new Set(Object.values(others))
    const taken = new Set(Object.keys(others))
    const found: [string, object][] = []
    for (const [label, ref] of this.#byLabel) {
      const object = ref.deref()
      if (object === undefined) this.#byLabel.delete(label)
      else if (!given.has(object)) {
        const isTaken = (each: string): boolean => taken.has(each) || (each !== label && this.#byLabel.has(each))
        found.push([unlike(label, isTaken), object])
      }
    }
    return found
  }

  /** Forgets objects that have been collected. @returns how many are left */
  #drop(): number {
    for (const [label, ref] of this.#byLabel) if (ref.deref() === undefined) this.#byLabel.delete(label)
    return this.#byLabel.size
  }

  #free(name: string): string {
    return unlike(name, (label) => this.#byLabel.get(label)?.deref() !== undefined)
  }

  /** A number is never given twice, so that a series belongs to one object. */
  #numbered(prefix: string): string {
    const number = (this.#lastNumbers.get(prefix) ?? 0) + 1
    this.#lastNumbers.set(prefix, number)
    return this.#free(`${prefix}${number}`)
  }
}

/** `label` or, if it is taken, `label#2` and so on. */
function unlike(label: string, isTaken: (label: string) => boolean): string {
  if (!isTaken(label)) return label
  let number = 2
  while (isTaken(`${label}#${number}`)) number++
  return `${label}#${number}`
}

export const objectRegistry = new ObjectRegistry()

/**
 * Makes all metrics of this thread report `object` as long as it lives, even if their options do not name it.
 *
 * @param label - the label `name` it gets; must not belong to another object that lives
 * @param object - a limiter or policy with `stats()`, or a retry budget; held weakly, so this keeps nothing alive
 * @returns a function that ends this
 * @throws {TypeError} when `label` is no string, or `object` is none of these
 * @throws {Error} when another object has that label
 * @example
 * const limiter = new RateLimiter({ requestsPerSecond: 100 })
 * registerObject('uploads', limiter)
 * response.end(metricsText())
 */
export function registerObject(label: string, object: object): () => void {
  if (typeof label !== 'string') throw new TypeError(`label must be a string; received ${describe(label)}`)
  if (!isReportable(object))
    throw new TypeError(
      `object must be a limiter or policy with stats(), or a RetryBudget; received ${describe(object)}`,
    )
  return objectRegistry.add(label, object)
}

/**
 * Makes all metrics of this thread report each limiter and policy that is made from now on, as long as it lives. Its label is its
 * `name`; without one, 'limiter-1', 'retry-2' and so on, numbered for each kind in the order in which they are made.
 *
 * Cost: some microseconds for each object that is made; nothing for its use.
 *
 * @param options - see {@link RegisterNewOptions}
 * @returns a function that ends this; objects that are registered stay
 * @throws {TypeError | RangeError} for bad options
 */
export function registerNewObjects(options: RegisterNewOptions = {}): () => void {
  checkKeys('registerNewObjects', options, ['most'])
  const { most = DEFAULT_MOST } = options
  checkNumber('most', most, { min: 1, max: LARGEST_MOST, integer: true })
  const { subscribe, unsubscribe } = builtins.diagnosticsChannel
  const hear = (message: unknown): void => objectRegistry.addNew(message as Created, most)
  subscribe(CREATED, hear)
  return () => void unsubscribe(CREATED, hear)
}
