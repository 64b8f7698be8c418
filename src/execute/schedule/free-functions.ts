/** So many are remembered. */
const MOST = 1000
/** A longer source is not kept for it. */
const MOST_LENGTH = 10_000

/**
 * The sources of functions whose items wait and compute little. A function that is made anew for each call, as in the handler of a request, is
 * known by what it says.
 */
export class FreeFunctions {
  readonly #sources = new Set<string>()

  has(fn: object | string): boolean {
    const source = sourceOf(fn)
    return source !== undefined && this.#sources.has(source)
  }

  /** Items of `fn` were free, or were not. */
  note(fn: object | string, isFree: boolean): void {
    const source = sourceOf(fn)
    if (source === undefined) return
    this.#sources.delete(source)
    if (!isFree) return
    const [oldest] = this.#sources
    if (this.#sources.size >= MOST && oldest !== undefined) this.#sources.delete(oldest)
    this.#sources.add(source)
  }
}

function sourceOf(fn: object | string): string | undefined {
  if (typeof fn !== 'function') return undefined
  const source = Function.prototype.toString.call(fn)
  return source.length <= MOST_LENGTH ? source : undefined
}
