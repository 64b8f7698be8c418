import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Heap, PAGE_BYTES } from '../../../dist/memory/wasm/heap.js'

/** A memory with so many pages, which JavaScript alone uses. */
function memoryOf(pages: number) {
  const buffer = new SharedArrayBuffer(0, { maxByteLength: pages * PAGE_BYTES })
  return {
    buffer,
    grow(more: number) {
      const before = buffer.byteLength
      buffer.grow(before + more * PAGE_BYTES)
      return before / PAGE_BYTES
    },
  }
}

describe('the heap of an instance', () => {
  it('gives pieces that overlap nothing, and gives again what was let go of', () => {
    const heap = new Heap(memoryOf(20))
    const pieces = [1, 16, 17, 100, 4096, 70_000, 3, 200_000].map((bytes) => ({ at: heap.allocate(bytes), bytes }))
    const sorted = [...pieces].sort((a, b) => a.at - b.at)
    for (const [i, { at, bytes }] of sorted.entries()) {
      expect(at % 16).toBe(0)
      expect(at).toBeGreaterThan(heap.stack)
      if (i + 1 < sorted.length) expect(at + bytes).toBeLessThanOrEqual(sorted[i + 1]!.at)
    }
    heap.free(pieces[4]!.at)
    expect(heap.allocate(4096)).toBe(pieces[4]!.at)
    heap.isOver = true
    heap.free(pieces[0]!.at)
    expect(heap.allocate(1)).not.toBe(pieces[0]!.at)
  })

  it('says what to do when the memory is full', () => {
    const heap = new Heap(memoryOf(2))
    expect(() => heap.allocate(100_000)).toThrow(
      'a shared memory of 65536 bytes cannot be made larger by 131072: share fewer objects from one thread, or start fewer threads',
    )
  })

  it('copies the arrays of a call there and back', () => {
    const heap = new Heap(memoryOf(1))
    const [out, seed] = [Float64Array.of(1, 2), BigUint64Array.of(3n, 4n)]
    const [first, second] = [heap.placeOf(out)!, heap.placeOf(seed)!]
    expect([heap.doubles[first / 8 + 1], heap.words[second / 8]]).toEqual([2, 3n])
    heap.doubles[first / 8] = 7
    heap.copyBack()
    expect([...out]).toEqual([7, 2])
    expect(heap.placeOf(new Float64Array(200))).toBeUndefined()
  })

  it('knows the arrays of another context, as Jest has them', () => {
    const heap = new Heap(memoryOf(1))
    const out = runInNewContext('Float64Array.of(1, 2)') as Float64Array
    const at = heap.placeOf(out)!
    expect(heap.doubles[at / 8 + 1]).toBe(2)
    heap.doubles[at / 8] = 7
    heap.copyBack()
    expect(out[0]).toBe(7)
  })

  it('formats as the messages of the core are written', () => {
    const heap = new Heap(memoryOf(1))
    const [text, format, word, values] = [64, 128, 192, 256].map((offset) => heap.stack + offset) as [
      number,
      number,
      number,
      number,
    ]
    heap.write('%s must be <= %.16g%s', format, 64)
    heap.write('burst', word, 64)
    heap.ints[values / 4] = word
    heap.doubles[values / 8 + 1] = 1e15
    heap.ints[values / 4 + 4] = word
    expect(heap.format(text, 64, format, values)).toBe(38)
    expect(heap.text(text)).toBe('burst must be <= 1000000000000000burst')
  })
})
