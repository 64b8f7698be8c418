import { createHash } from 'node:crypto'

/** A script for the server: its text, and the digest that stands for it once the server has seen it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** @throws {TypeError} for anything but `count` whole numbers */
export function wholeNumbers(answer: unknown, count: number): number[] {
  const numbers = (Array.isArray(answer) ? answer : []).map(Number)
  if (numbers.length === count && numbers.every((number) => Number.isInteger(number))) return numbers
  throw new TypeError(`the server answered something else than ${count} whole numbers: ${String(answer)}`)
}
