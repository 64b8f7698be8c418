import { createHash } from 'node:crypto'

/** A script of the server: its text, and the digest by which the server knows it once it has seen it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** @throws {TypeError} for anything but so many whole numbers */
export function wholeNumbers(answer: unknown, count: number): number[] {
  const numbers = (Array.isArray(answer) ? answer : []).map(Number)
  if (numbers.length === count && numbers.every((number) => Number.isInteger(number))) return numbers
  throw new TypeError(`the server answered something else than ${count} whole numbers: ${String(answer)}`)
}
