/** What follows signals of other classes, so that many requests with one of these leave one listener. */
const followers = new WeakMap<object, AbortSignal>()

/** What is used of a signal of another class. */
interface ForeignSignal {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void, options: { once: true }): void
}

/**
 * The signal of a request. One of another class, such as a polyfill's or that of jsdom, which many a fetch takes, is followed by one of Node's.
 *
 * @returns undefined where there is none, or what is given is none
 */
export function ownSignal(given: unknown): AbortSignal | undefined {
  if (given instanceof AbortSignal) return given
  if (!isSignal(given)) return undefined
  const known = followers.get(given)
  if (known !== undefined) return known
  const controller = new AbortController()
  const abort = (): void =>
    controller.abort(given.reason ?? new DOMException('This operation was aborted', 'AbortError'))
  if (given.aborted) abort()
  else given.addEventListener('abort', abort, { once: true })
  followers.set(given, controller.signal)
  return controller.signal
}

function isSignal(given: unknown): given is ForeignSignal {
  const { aborted, addEventListener } = Object(given) as Partial<ForeignSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** Options for what takes a signal only if there is one. */
export function optionsOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
