// What a stream of lines is put through, as a program would have it in a module of its own.
import { createHash, pbkdf2Sync } from 'node:crypto'

const ROUNDS = 30
/** About what a row of a database or a small file takes. */
const WAIT_MS = 5

/** Little: most of the time goes to reading. */
export const parse = (line) => JSON.parse(line).value

/** Some tens of microseconds. */
export function sign(line) {
  let sum = line
  for (let round = 0; round < ROUNDS; round++) sum = createHash('sha256').update(sum).digest('hex')
  return sum
}

/** A few milliseconds. */
export const derive = (line) => pbkdf2Sync(line, 'salt', 3000, 32, 'sha256').toString('hex')

/** Waits, and computes nothing. */
export const look = (line) => new Promise((resolve) => setTimeout(() => resolve(line.length), WAIT_MS))
