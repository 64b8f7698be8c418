import { callListeners } from '../../internal/events/events.js'
import type { PolicyFunction } from '../../internal/policy.js'
import type { Hold } from './hold.js'
import type { Scope } from './scope.js'
import {
  AGAIN,
  type AroundCall,
  type AroundStage,
  Call,
  type Frame,
  type LinearStage,
  type Runner,
  type Stage,
  type Verdict,
} from './stage.js'

/** Runs the function itself. */
const invoke: Runner = (scope, fn) => fn(scope)

/**
 * Compiles stages, outermost first, into one function. Linear stages share a frame with the first around-stage that follows them;
 * the stages inside that one get frames of their own.
 *
 * @param call - runs the function itself
 */
export function compile(stages: readonly Stage[], call: Runner = invoke): Runner {
  if (stages.length === 0) return call
  const index = stages.findIndex((stage) => 'begin' in stage)
  if (index < 0) {
    const frame: Frame = { stages: stages as readonly LinearStage[], around: undefined, inner: call }
    return (scope, fn, hold) => run(new Call(frame, scope, fn, hold))
  }
  const around = stages[index] as AroundStage
  const inner = compile(stages.slice(index + 1), call)
  const frame: Frame = { stages: stages.slice(0, index) as LinearStage[], around, inner }
  const runInFrame: Runner = (scope, fn, hold) => runAround(new Call(frame, scope, fn, hold))
  if (index > 0) return runInFrame
  return (scope, fn, hold) => {
    if (callListeners.areThere && around.events?.hearsCalls === true) return runInFrame(scope, fn, hold)
    return runAlone(around, inner, scope, fn, hold)
  }
}

// All code of a call continues from an `await` or `then` of the call itself, never from the code that settles the promise. So it runs
// in the caller's async context, not in that of a timer or of a call that freed a permit.
// Each variable kept across an `await` costs every call memory, so the loops over stages are separate functions.
async function run(call: Call): Promise<unknown> {
  for (;;) {
    try {
      for (let wait = enter(call); wait !== undefined; wait = enter(call)) {
        await wait
        call.depth++
      }
      call.succeed(await start(call))
    } catch (error) {
      call.fail(error)
    }
    let verdict = leave(call)
    if (verdict !== undefined && verdict !== AGAIN) verdict = await settle(call, verdict)
    if (verdict !== undefined) continue
    if (call.failed) throw call.value
    return call.value
  }
}

/** Runs an around-stage that is alone in its frame. No `Call` is needed: the stage's attempt has all the state. */
function runAlone(
  around: AroundStage,
  inner: Runner,
  scope: Scope,
  fn: PolicyFunction<unknown>,
  hold: Hold | undefined,
): unknown {
  if (scope.aborted) throw scope.reason
  const attempt = around.begin(scope, hold)
  let result: unknown
  try {
    result = attempt.start(inner, fn)
  } catch (error) {
    throw attempt.end(true) ?? error
  }
  if (!(result instanceof Promise)) return succeeded(attempt, result)
  return result.then(
    (value) => succeeded(attempt, value),
    (error: unknown) => {
      throw attempt.end(true) ?? error
    },
  )
}

function succeeded(attempt: AroundCall, value: unknown): unknown {
  const error = attempt.end(false)
  if (error !== undefined) throw error
  return value
}

/**
 * Runs a frame with an around-stage. While no linear stage has to wait, the call continues from the promise of the around-stage,
 * which is cheaper than an async function.
 */
function runAround(call: Call): unknown {
  try {
    const wait = enter(call)
    if (wait !== undefined) return runAfter(call, wait)
    const result = start(call)
    if (result instanceof Promise) {
      return result.then(
        (value) => {
          call.succeed(value)
          return finish(call)
        },
        (error: unknown) => {
          call.fail(error)
          return finish(call)
        },
      )
    }
    call.succeed(result)
  } catch (error) {
    call.fail(error)
  }
  return finish(call)
}

async function runAfter(call: Call, wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait
    call.depth++
  } catch (error) {
    call.fail(error)
    return finish(call)
  }
  return await run(call)
}

/** Leaves the stages of a call whose attempt has ended; returns its outcome or a promise of it, or throws. */
function finish(call: Call): unknown {
  const verdict = leave(call)
  if (verdict !== undefined) return runOn(call, verdict)
  if (call.failed) throw call.value
  return call.value
}

async function runOn(call: Call, verdict: Verdict | Promise<Verdict>): Promise<unknown> {
  if ((await settle(call, verdict)) === AGAIN) return await run(call)
  if (call.failed) throw call.value
  return call.value
}

/** Calls the function or frame that the stages guard. @throws its error, or the reason of an abort */
function start(call: Call): unknown {
  const { scope, fn, hold } = call
  const { around, inner } = call.frame
  if (around !== undefined && callListeners.areThere) noteStart(call, around, call.depth)
  if (scope.aborted) throw scope.reason
  if (around === undefined) return inner(scope, fn, hold)
  call.attempt = around.begin(scope, hold)
  return call.attempt.start(inner, fn)
}

/** Waits for a stage that gives its verdict later, then leaves the stages outside it. */
async function settle(call: Call, first: Verdict | Promise<Verdict>): Promise<Verdict> {
  let verdict = first
  while (verdict !== undefined && verdict !== AGAIN) {
    try {
      if ((await verdict) === AGAIN) return AGAIN
    } catch (error) {
      call.fail(error)
    }
    call.depth--
    verdict = leave(call)
  }
  return verdict
}

/** Enters stages from `call.depth` on. Stops at a stage that makes the call wait, and returns the promise to wait for. */
function enter(call: Call): Promise<unknown> | undefined {
  const { stages } = call.frame
  const heard = callListeners.areThere
  while (call.depth < stages.length) {
    const stage = stages[call.depth] as LinearStage
    if (heard) noteStart(call, stage, call.depth)
    const wait = stage.enter(call, call.depth)
    if (wait !== undefined) return wait
    call.depth++
  }
  return undefined
}

/** Leaves the attempt and the entered stages. Stops at a stage that returns a verdict: the call is still in that stage. */
function leave(call: Call): Promise<Verdict> | Verdict {
  const { attempt, frame } = call
  if (attempt !== undefined) {
    call.attempt = undefined
    const error = attempt.end(call.failed)
    if (error !== undefined) call.fail(error)
  }
  const heard = callListeners.areThere
  // The stage at this depth has ended: it runs around the others, has refused the call, or has given its verdict later.
  if (heard) reportEnd(call, call.depth)
  while (call.depth > 0) {
    try {
      const verdict = (frame.stages[call.depth - 1] as LinearStage).leave(call, call.depth - 1)
      if (verdict !== undefined) return verdict
    } catch (error) {
      call.fail(error)
    }
    call.depth--
    if (heard) reportEnd(call, call.depth)
  }
  return undefined
}

function noteStart(call: Call, { events }: Stage, index: number): void {
  call.slots[call.frame.stages.length + index] = events?.hearsCalls === true ? events.now() : undefined
}

/** Reports how the call ended for the stage at `index`; the index after the last is the around-stage. */
function reportEnd({ slots, frame, scope, failed, value }: Call, index: number): void {
  const { stages, around } = frame
  const startedMs = slots[stages.length + index] as number | undefined
  if (startedMs === undefined) return
  slots[stages.length + index] = undefined
  const events = (stages[index] ?? around)?.events
  // Reports what the caller sees: a caller that has given up gets the reason of its abort, whatever the outcome.
  const gone = scope.callerGone
  if (gone === undefined) events?.callEnded(startedMs, failed, value)
  else events?.callEnded(startedMs, true, gone.reason)
}
