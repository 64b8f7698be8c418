import { isThenable } from '../../internal/thenable.js'
import { roomFor } from '../run/outcomes.js'
import { Timing } from '../schedule/timing.js'

/** The clock is read about this often. */
const BLOCK_MS = 0.5
/** The next block has this many times the items, as long as the clock hardly moves. */
const GROWTH = 16

/** How far a loop has come, and whether it should go on. */
export interface LoopState {
  /** The first item that has not ended. */
  next: number
  readonly isStopped: boolean
}

/** For an item of this length in ms, the cost of the call does not matter. */
const LONG_MS = 0.001

/** Whether items that took `ms` together are as long as that. */
export function outweighCalls(items: number, ms: number): boolean {
  return ms > items * LONG_MS
}

/**
 * Runs `items` from `state.next` up to but not including `to`, and puts each result at its place in `results`. An item that returns a
 * promise ends the loop, and so does one that stops its run. All items of this thread run in this one loop, so the code that the engine has compiled
 * for the first slice of a run serves the rest. An item's error comes through; `state.next` is then that item.
 *
 * @returns the promise of the first item that returned one
 */
export function runItems(
  call: (item: unknown) => unknown,
  items: ArrayLike<unknown>,
  to: number,
  results: unknown[],
  state: LoopState,
): PromiseLike<unknown> | undefined {
  for (let i = state.next; i < to && i < items.length; i++) {
    const result = call(items[i])
    if ((typeof result === 'object' || typeof result === 'function') && isThenable(result)) return result
    if (state.isStopped) return undefined
    results[i] = result
    state.next = i + 1
  }
  return undefined
}

/**
 * The same for long items, in a way that V8 does not inline. Inlining makes short items faster, but a loop within a task may lose: compiled
 * together with ours, its integers became floating-point numbers, and it took four times as long.
 */
export function runLongItems(
  call: (item: unknown) => unknown,
  items: ArrayLike<unknown>,
  to: number,
  results: unknown[],
  state: LoopState,
): PromiseLike<unknown> | undefined {
  for (let i = state.next; i < to && i < items.length; i++) {
    const result: unknown = Reflect.apply(call, undefined, [items[i]])
    if (isThenable(result)) return result
    if (state.isStopped) return undefined
    results[i] = result
    state.next = i + 1
  }
  return undefined
}

/** A plain loop: what `execute` does with an array and a function until there is a reason to do more. */
export class PlainLoop implements LoopState {
  /** Results of the items before `next`. */
  readonly results: unknown[]
  next = 0
  readonly isStopped = false
  /** The promise that the item at `next` has returned, if it has. */
  pending: PromiseLike<unknown> | undefined = undefined
  /** Items that have been timed, and how long they took together. */
  seenItems = 0
  seenMs = 0
  /** How long an item took that has not ended: it waits, or has thrown. */
  unendedMs = 0
  /** The last block of these: before it the engine may not have compiled the task. */
  lastItems = 0
  lastMs = 0

  constructor(
    readonly call: (item: unknown) => unknown,
    readonly items: ArrayLike<unknown>,
  ) {
    this.results = roomFor(items.length)
  }
}

/**
 * Goes on with the loop for `forMs` and the rest of the block, or until all items have ended or one has returned a promise. Most calls
 * need no more than this, and many are the only one of their process. So it is little code: there is little to compile before the first
 * item.
 *
 * @returns whether there is more to do
 */
export function runSlice(loop: PlainLoop, forMs: number): boolean {
  const { call, items, results } = loop
  let nowMs = performance.now()
  const endMs = nowMs + forMs
  for (let block = loop.lastItems > 0 ? loop.lastItems : 1; ;) {
    const from = loop.next
    const run = outweighCalls(loop.lastItems, loop.lastMs) ? runLongItems : runItems
    const startedMs = nowMs
    try {
      loop.pending = run(call, items, from + block, results, loop)
    } catch (error) {
      loop.unendedMs = performance.now() - startedMs
      throw error
    }
    nowMs = performance.now()
    const ended = loop.next - from
    if (ended > 0) {
      loop.seenItems += loop.lastItems = ended
      loop.seenMs += loop.lastMs = nowMs - startedMs
    } else {
      // One that waits may have computed first.
      loop.unendedMs = nowMs - startedMs
    }
    // Read after they have run: the task may have changed the length.
    if (loop.next >= items.length) {
      if (results.length > loop.next) results.length = loop.next
      return false
    }
    if (loop.pending !== undefined || nowMs >= endMs) return true
    const fit = (BLOCK_MS * ended) / loop.lastMs
    block = fit >= GROWTH * block ? GROWTH * block : Math.max(1, Math.floor(fit))
  }
}

export function timingOf({ seenItems, seenMs, lastItems, lastMs }: PlainLoop): Timing {
  const timing = new Timing()
  if (seenItems > lastItems) timing.add(seenItems - lastItems, seenMs - lastMs)
  if (lastItems > 0) timing.add(lastItems, lastMs)
  return timing
}
