import type { BenchCase } from './bench-case.js'
import { floorCases, ourCases } from './bench-ours.js'
import { rivalCases } from './bench-rivals.js'

/** Every case in the order reports show them: the floors, ours, theirs. */
export const benchCases: readonly BenchCase[] = [...floorCases, ...ourCases, ...rivalCases]

/** Returns the case with this id. @throws {RangeError} when there is none */
export function benchCase(id: string): BenchCase {
  const found = benchCases.find((candidate) => candidate.id === id)
  if (found === undefined) throw new RangeError(`no benchmark case is called '${id}'`)
  return found
}
