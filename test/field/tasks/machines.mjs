// Tasks for worker processes.
import { appendFileSync } from 'node:fs'

export const double = (n) => 2 * n

export const slow = async (n) => {
  await new Promise((resolve) => setTimeout(resolve, 10))
  return n
}

export const large = async (n) => 'x'.repeat(100_000) + n

/** Kills its whole process, whatever thread it is in. */
export const deadly = (n) => {
  if (n === 13) process.kill(process.pid, 'SIGKILL')
  return n
}

/** The last of twenty waits for ever where it comes first. */
export const stuckLast = async (n) => {
  if (n !== 19 || globalThis.isStuck) return n
  globalThis.isStuck = true
  await new Promise(() => {})
}

/** Take a while, and write down that they were begun in the file that BEGUN names. */
export const waited = async (n) => {
  appendFileSync(process.env.BEGUN, `${n}\n`)
  await new Promise((resolve) => setTimeout(resolve, 300))
  return n
}
export const computed = (n) => {
  appendFileSync(process.env.BEGUN, `${n}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  return n
}
