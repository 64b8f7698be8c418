import { task } from 'amorsize'
import { expect } from 'vitest'

/** An item whose attempts are counted in memory that all threads share. */
export interface Marked {
  readonly marks: Int32Array
  readonly n: number
  readonly times?: number
  readonly ms?: number
}

/** A task of the fixture for runs under policies. */
export function guarded<T = Marked, R = number>(name: string): ReturnType<typeof task<T, R>> {
  return task<T, R>(new URL('../fixtures/tasks/guarded.mjs', import.meta.url), name)
}

export const overlapping = guarded<{ words: Int32Array; ms?: number }, boolean>('overlapping')
export const failsTimes = guarded<Marked, { n: number; attempt: number; isMainThread: boolean }>('failsTimes')

/** Two workers, and nothing in this thread. */
export const inWorkers = { mode: 'threads', workers: 2, mainThread: false } as const
/** Delays of a retry that a test need not wait for. */
export const quick = { initialDelayMs: 1, maxDelayMs: 5 }

export function words(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * count))
}

/** @param times - how often what item `n` does is to go wrong */
export function marked(count: number, times: (n: number) => number, more: object = {}): Marked[] {
  const marks = words(count)
  return Array.from({ length: count }, (_, n) => ({ marks, n, times: times(n), ...more }))
}

/** Waits until `isSo`, for what threads do after a run has ended. */
export async function eventually(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isSo()).toBe(true)
}
