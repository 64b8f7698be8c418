import type { PolicyFunction } from '../internal/policy.js'
import { AGAIN, type AroundStage, Call, type LinearStage, type Runner, type Stage, type Verdict } from './stage.js'

/** Runs the function itself. */
const invoke: Runner = (scope, fn) => fn(scope)

/**
 * Compiles stages, outermost first, once: each run of linear stages becomes one async frame; a stage that runs around
 * others starts a frame of its own only for linear stages within it.
 */
export function compile(stages: readonly Stage[]): Runner {
  const index = stages.findIndex((stage) => 'around' in stage)
  if (index < 0) return stages.length === 0 ? invoke : frame(stages as LinearStage[], invoke)
  const around = stages[index] as AroundStage
  const inner = compile(stages.slice(index + 1))
  const bottom: Runner = (scope, fn, hold) => around.around(inner, scope, fn, hold)
  return index === 0 ? bottom : frame(stages.slice(0, index) as LinearStage[], bottom)
}

function frame(stages: readonly LinearStage[], bottom: Runner): Runner {
  return (scope, fn, hold) => run(stages, bottom, new Call(scope, hold, stages.length), fn)
}

// Every call pays in bytes for what this function keeps over an `await`, so the walks are functions of their own.
async function run(stages: readonly LinearStage[], bottom: Runner, call: Call, fn: PolicyFunction<unknown>): Promise<unknown> {
  for (;;) {
    try {
      for (let wait = enter(stages, call); wait !== undefined; wait = enter(stages, call)) {
        await wait
        call.depth++
      }
      if (call.scope.aborted) throw call.scope.reason
      call.value = await bottom(call.scope, fn, call.hold)
      call.failed = false
    } catch (error) {
      call.fail(error)
    }
    let verdict = leave(stages, call)
    while (verdict !== undefined && verdict !== AGAIN) {
      try {
        if ((await verdict) === AGAIN) break
      } catch (error) {
        call.fail(error)
      }
      call.depth--
      verdict = leave(stages, call)
    }
    if (verdict !== undefined) continue
    if (call.failed) throw call.value
    return call.value
  }
}

/** Enters stages from where the call is; stops at one that has it wait, and returns what to wait for. */
function enter(stages: readonly LinearStage[], call: Call): Promise<unknown> | undefined {
  while (call.depth < stages.length) {
    const wait = (stages[call.depth] as LinearStage).enter(call, call.depth)
    if (wait !== undefined) return wait
    call.depth++
  }
  return undefined
}

/** Leaves stages from where the call is; stops at one that wants more, and returns its verdict, that stage still entered. */
function leave(stages: readonly LinearStage[], call: Call): Promise<Verdict> | Verdict {
  while (call.depth > 0) {
    try {
      const verdict = (stages[call.depth - 1] as LinearStage).leave(call, call.depth - 1)
      if (verdict !== undefined) return verdict
    } catch (error) {
      call.fail(error)
    }
    call.depth--
  }
  return undefined
}
