// Tasks for execute-kills-program.mjs. In a worker each call may be its thread's last, by an exit or by want of memory; what a call that
// comes through returns depends on its item alone.
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'

/** Chance of an end in each call; one in eight is for want of memory, which takes longer. */
const CHANCE = 1 / 100

function mayDie() {
  if (isMainThread || Math.random() >= CHANCE) return
  if (Math.random() >= 1 / 8) process.exit(9)
  const hoard = []
  for (;;) hoard.push(new Array(10_000).fill(Math.random()))
}

function compute(n) {
  let x = n + 1
  for (let i = 0; i < 20_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

export function number(n) {
  mayDie()
  return compute(n)
}

/** In shared memory, results that are no numbers come back in messages. */
export function mixed(n) {
  mayDie()
  return n % 3 === 0 ? `text ${compute(n)}` : n % 3 === 1 ? undefined : compute(n)
}

export function object({ n, text }) {
  mayDie()
  return { n, x: compute(n), text: `${text}!` }
}

export function typed(values) {
  mayDie()
  return values.map((value) => compute(value))
}

export async function waiting(n) {
  mayDie()
  await sleep(n % 3)
  mayDie()
  return { x: compute(n) }
}
