import { stream, type StreamOptions } from 'amorsize'
import { expect } from 'vitest'

const collectGarbage = globalThis.gc

/** Growth that is noise: of the heap, and of the whole process, whose workers' garbage comes and goes. */
const HEAP_NOISE_BYTES = 1024 * 1024
const PROCESS_NOISE_BYTES = 96 * 1024 * 1024
const LOOKS = 20

/** Ways to stream; items of one are numbers, of the next objects. */
export const streams: readonly (readonly [name: string, options: StreamOptions, hasObjects: boolean])[] = [
  ['in this thread, in order', { mode: 'serial' }, false],
  ['in this thread, as they come', { mode: 'serial', ordered: false }, false],
  ['numbers, by workers and this thread, in order', { mode: 'threads', workers: 1 }, false],
  ['objects, by workers, in order', { mode: 'threads', workers: 2, mainThread: false }, true],
  ['objects, by workers, as they come', { mode: 'threads', workers: 2, mainThread: false, ordered: false }, true],
]

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n
}

async function* objects(count: number): AsyncGenerator<{ n: number }> {
  for (let n = 0; n < count; n++) yield { n }
}

/** Streams `count` items through: each comes once, in order if that is asked for, and the second half needs no more memory than the first. */
export async function expectFlatMemory(count: number, options: StreamOptions, hasObjects: boolean): Promise<void> {
  const throwing = { ...options, onError: 'throw' } as const
  const results = hasObjects
    ? stream((item: { n: number }) => ({ n: item.n }), objects(count), throwing)
    : stream((n: number) => n, numbers(count), throwing)
  const heap: number[] = []
  const whole: number[] = []
  let seen = 0
  let sum = 0
  let misplaced = 0
  for await (const result of results) {
    const n = typeof result === 'number' ? result : result.n
    if (n !== seen && options.ordered !== false) misplaced++
    sum += n
    if (++seen % (count / LOOKS) !== 0) continue
    collectGarbage?.()
    const { heapUsed, external, rss } = process.memoryUsage()
    heap.push(heapUsed + external)
    whole.push(rss)
  }
  expect({ seen, sum, misplaced }).toEqual({ seen: count, sum: (count * (count - 1)) / 2, misplaced: 0 })
  expect(growth(heap)).toBeLessThan(HEAP_NOISE_BYTES)
  expect(growth(whole)).toBeLessThan(PROCESS_NOISE_BYTES)
}

/** By how much the least of the second half is above the least of the first, which does not count its start. */
function growth(sizes: readonly number[]): number {
  const half = LOOKS / 2
  return Math.min(...sizes.slice(half)) - Math.min(...sizes.slice(half / 2, half))
}
