import fc from 'fast-check'
import { expect } from 'vitest'
import { nativeAddon } from '../../dist/internal/native.js'
import { CELL_BYTES, SEMAPHORE, WORDS_PER_CELL } from '../../dist/memory/layout.js'
import { NativeSemaphore } from '../../dist/memory/native-semaphore.js'
import { allocateCells } from '../../dist/memory/region.js'
import { cellsOf, type Semaphore } from '../../dist/memory/semaphore.js'
import { TwinSemaphore } from '../../dist/memory/twin-semaphore.js'

/** So few places that the queue runs over. */
const SHAPE = { rows: 3, places: 8 }

const operations = fc.record({
  kind: fc.constantFrom(
    'take',
    'acquire',
    'acquire',
    'acquire',
    'give',
    'give',
    'cancel',
    'collect',
    'held',
    'available',
    'waiting',
  ),
  owner: fc.nat({ max: SHAPE.rows - 1 }),
} as const)
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never

interface Side {
  readonly words: BigInt64Array
  readonly owners: readonly Semaphore[]
}

function freshCells(): BigInt64Array {
  const count = cellsOf(SHAPE)
  const { buffer, cell } = allocateCells(count)
  return new BigInt64Array(buffer, cell * CELL_BYTES, count * WORDS_PER_CELL)
}

/** @param isNative - for each owner, whether it works through the addon */
function makeSide(limits: { maxConcurrent: number; maxQueue: number }, isNative: readonly boolean[]): Side {
  const words = freshCells()
  const addon = nativeAddon()!
  const owners = isNative.map((native, index): Semaphore => {
    if (index === 0)
      return native ? NativeSemaphore.create(addon, words, limits, SHAPE)! : TwinSemaphore.create(words, limits, SHAPE)!
    return native ? NativeSemaphore.open(addon, words)! : TwinSemaphore.open(words)!
  })
  return { words, owners }
}

function apply({ owners }: Side, { kind, owner }: Operation): unknown {
  const semaphore = owners[owner]!
  switch (kind) {
    case 'take':
      return semaphore.take()
    case 'give':
      // Whom it wakes depends on who has a doorbell, which the twin has not.
      return semaphore.held() === 0 ? 'nothing held' : void semaphore.give()
    default:
      return semaphore[kind]()
  }
}

/** All words but those that say which thread uses a row. */
function wordsOf({ words }: Side): bigint[] {
  const isIdentity = (index: number): boolean =>
    index >= SEMAPHORE.firstRow &&
    index < SEMAPHORE.firstRow + SHAPE.rows * WORDS_PER_CELL &&
    [SEMAPHORE.owner, SEMAPHORE.doorbell, SEMAPHORE.space].includes((index % WORDS_PER_CELL) as 0)
  return [...words].filter((_, index) => !isIdentity(index))
}

/** The addon, its twin, and both at work on one semaphore answer every operation alike and leave the same words. */
export function expectTheSameSemaphore(numRuns: number): void {
  fc.assert(
    fc.property(
      fc.record({
        maxConcurrent: fc.integer({ min: 1, max: 4 }),
        maxQueue: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 12 })),
      }),
      fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      fc.array(operations, { minLength: 1, maxLength: 80 }),
      (limits, mixed, script) => {
        const native = makeSide(limits, [true, true, true])
        const twin = makeSide(limits, [false, false, false])
        const both = makeSide(limits, mixed)
        for (const operation of script) {
          const expected = apply(twin, operation)
          expect(apply(native, operation)).toEqual(expected)
          expect(apply(both, operation)).toEqual(expected)
          expect(wordsOf(native)).toEqual(wordsOf(twin))
          expect(wordsOf(both)).toEqual(wordsOf(twin))
        }
      },
    ),
    { numRuns },
  )
}

/** Permits are neither lost nor made: those held and those free are all there are, and none is free while anybody waits. */
export function expectPermitsConserved(numRuns: number, isNative: boolean): void {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(operations, { minLength: 1, maxLength: 120 }),
      (maxConcurrent, script) => {
        const side = makeSide({ maxConcurrent, maxQueue: Infinity }, [isNative, isNative, isNative])
        const [any] = side.owners
        for (const operation of script) {
          apply(side, operation)
          const held = side.owners.map((owner) => (owner.collect(), owner.held()))
          expect(held.reduce((sum, each) => sum + each, any!.available())).toBe(maxConcurrent)
          if (any!.available() > 0) expect(any!.waiting()).toBe(0)
        }
      },
    ),
    { numRuns },
  )
}
