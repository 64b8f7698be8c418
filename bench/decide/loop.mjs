/**
 * The loops every limiter is measured with, ours and theirs alike.
 *
 * Between two calls stands a little integer work of varying length. The time-stamp counter of some processors advances in
 * steps of several nanoseconds, and a clock read waits for the step: back to back calls lock to multiples of it, and the
 * same code takes 20 or 40 ns by chance. Varying work breaks the lock-step; the same work without a call is measured too and
 * subtracted.
 *
 * That would flatter every call that waits for something, if the processor did the work of the filler meanwhile. So the filler
 * begins with an atomic addition, which starts only when everything before it is done, and its length depends on the result;
 * and as no branch predictor knows that length, the next call starts only when the filler is done.
 *
 * Each loop is a function of its own and meets one kind of callee in a process, so that the optimizer sees for every limiter
 * what it would see in a hot loop of a program that uses just that one.
 */

/** Word {@link FENCE} is always 0; adding 0 to it is the fence. Word {@link SINK} keeps the filler's result, so that the optimizer cannot drop it. */
const words = new Int32Array(new SharedArrayBuffer(8))
const FENCE = 0
const SINK = 1

// A linear congruential generator: cheap, and unpredictable for a branch predictor.
const MULTIPLIER = 1_664_525
const INCREMENT = 1_013_904_223
/** The top bits of the state are the number of filler rounds: 0 … 31 of about 2 ns each. */
const ROUNDS_SHIFT = 27

/** Runs the filler `calls` times, without a call. */
export function fillerLoop(calls) {
  let state = words[SINK]
  let work = 0
  for (let i = 0; i < calls; i++) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT + Atomics.add(words, FENCE, 0)) | 0
    for (let round = state >>> ROUNDS_SHIFT; round > 0; round--) work = Math.imul(Math.imul(work, 31) + round, 17)
  }
  words[SINK] = state ^ work
}

/** Runs filler and `call`, which returns a boolean, `calls` times. @returns how many calls were allowed */
export function syncLoop(call, calls) {
  let state = words[SINK]
  let work = 0
  let allowed = 0
  for (let i = 0; i < calls; i++) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT + Atomics.add(words, FENCE, 0)) | 0
    for (let round = state >>> ROUNDS_SHIFT; round > 0; round--) work = Math.imul(Math.imul(work, 31) + round, 17)
    if (call()) allowed++
  }
  words[SINK] = state ^ work
  return allowed
}

/** Runs filler and `call`, awaited, `calls` times, one after the other. @returns how many calls were allowed */
export async function asyncLoop(call, calls) {
  let state = words[SINK]
  let work = 0
  let allowed = 0
  for (let i = 0; i < calls; i++) {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT + Atomics.add(words, FENCE, 0)) | 0
    for (let round = state >>> ROUNDS_SHIFT; round > 0; round--) work = Math.imul(Math.imul(work, 31) + round, 17)
    try {
      await call()
      allowed++
    } catch {
      // A refusal; the caller compares the count with what the case promises.
    }
  }
  words[SINK] = state ^ work
  return allowed
}
