import fc from 'fast-check'
import { KINDS } from './play.mjs'

const LAST_MS = 1500

/** Times are such that threads often come at once. */
const atMs = fc.nat(LAST_MS / 5).map((steps) => steps * 5)
const number = fc.nat(999)

const world = fc.record({
  seed: fc.nat(),
  stopEvery: fc.constantFrom(0, 10, 40, 200, 2000),
  longestStopMs: fc.constantFrom(1, 20, 400, 3000),
  lateMs: fc.constantFrom(0, 0, 5, 40, 300),
})
const object = fc.record({ kind: fc.constantFrom(...KINDS), a: number, b: number })
const op = fc.record({ atMs, thread: fc.nat(3), object: fc.nat(2), verb: number, a: number, b: number, c: number })
const death = fc.record({ thread: fc.nat(3), atMs, accesses: fc.nat(80) })

/** Who does what when; all that happens follows from it. */
export const programs = fc.record({
  world,
  threads: fc.integer({ min: 2, max: 4 }),
  objects: fc.array(object, { minLength: 1, maxLength: 3 }),
  ops: fc.array(op, { minLength: 1, maxLength: 40, size: 'max' }),
  deaths: fc.oneof(fc.constant([]), fc.array(death, { maxLength: 2 })),
  lastMs: fc.constant(LAST_MS),
})
