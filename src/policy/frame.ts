import type { PolicyFunction } from '../internal/policy.js'
import type { Hold } from './hold.js'
import type { Scope } from './scope.js'
import { AGAIN, type AroundStage, Call, type LinearStage, type Runner, type Stage } from './stage.js'

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
  const count = stages.length
  return async function run(scope: Scope, fn: PolicyFunction<unknown>, hold: Hold | undefined): Promise<unknown> {
    const call = new Call(scope, hold, count)
    /** How many stages, from the outermost, the call has entered and not left. */
    let depth = 0
    for (;;) {
      try {
        while (depth < count) {
          const wait = (stages[depth] as LinearStage).enter(call, depth)
          if (wait !== undefined) await wait
          depth++
        }
        if (scope.aborted) throw scope.reason
        call.value = await bottom(scope, fn, call.hold)
        call.failed = false
      } catch (error) {
        call.value = error
        call.failed = true
      }
      while (depth > 0) {
        try {
          const verdict = (stages[depth - 1] as LinearStage).leave(call, depth - 1)
          // The stage stays entered, what lies inside it is entered anew.
          if (verdict !== undefined && (verdict === AGAIN || (await verdict) === AGAIN)) break
        } catch (error) {
          call.value = error
          call.failed = true
        }
        depth--
      }
      if (depth > 0) continue
      if (call.failed) throw call.value
      return call.value
    }
  }
}
