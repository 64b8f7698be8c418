import { isThenable } from '../../internal/thenable.js'

/** How far a loop has come, and whether it is to go on. */
export interface Progress {
  /** The first item that has not ended. */
  next: number
  readonly isStopped: boolean
}

/** Of such an item it does not matter what calling it takes. In ms. */
const LONG_MS = 0.001

/** Whether items that took `ms` together are long ones. */
export function areLong(items: number, ms: number): boolean {
  return ms > items * LONG_MS
}

/**
 * Runs `items` from `progress.next` up to but without `to`, and puts what each gives at its place in `results`. An item that returns a
 * promise ends it, and so does one that stops its run. Every loop of this thread is this one: what the engine has compiled for the
 * first slice of a run is there for the rest.
 *
 * @returns the promise of the first item that returned one
 * What an item throws comes through; `progress.next` is then that item.
 */
export function runItems(
  call: (item: unknown) => unknown,
  items: ArrayLike<unknown>,
  to: number,
  results: unknown[],
  progress: Progress,
): PromiseLike<unknown> | undefined {
  for (let i = progress.next; i < to && i < items.length; i++) {
    const result = call(items[i])
    if ((typeof result === 'object' || typeof result === 'function') && isThenable(result)) return result
    if (progress.isStopped) return undefined
    results[i] = result
    progress.next = i + 1
  }
  return undefined
}

/**
 * The same for long items. The engine inlines a call that it knows into the loop, and that into those that call it. Short items gain by it; a
 * loop within a task may lose: compiled among ours, its integers became floating-point numbers, and it took four times as long. Here the
 * engine does not know what is called.
 */
export function runLongItems(
  call: (item: unknown) => unknown,
  items: ArrayLike<unknown>,
  to: number,
  results: unknown[],
  progress: Progress,
): PromiseLike<unknown> | undefined {
  for (let i = progress.next; i < to && i < items.length; i++) {
    const result: unknown = Reflect.apply(call, undefined, [items[i]])
    if (isThenable(result)) return result
    if (progress.isStopped) return undefined
    results[i] = result
    progress.next = i + 1
  }
  return undefined
}
