import type { PolicyFunction } from '../internal/policy.js'
import type { Hold } from './hold.js'
import type { Scope } from './scope.js'
import {
  AGAIN,
  type AroundStage,
  Call,
  type LinearStage,
  type Outcome,
  type Runner,
  type Stage,
  type Verdict,
} from './stage.js'

/** Runs the function itself. */
const invoke: Runner = (scope, fn) => fn(scope)

/**
 * Compiles stages, outermost first, once: each run of linear stages becomes one frame; a stage that runs around
 * others starts a frame of its own only for linear stages within it.
 */
export function compile(stages: readonly Stage[]): Runner {
  const index = stages.findIndex((stage) => 'around' in stage)
  if (index < 0) return stages.length === 0 ? invoke : frame(stages as LinearStage[], invoke)
  const around = stages[index] as AroundStage
  const inner = compile(stages.slice(index + 1))
  return index === 0 ? promiseOf(around, inner) : frameAround(stages.slice(0, index) as LinearStage[], around, inner)
}

function frame(stages: readonly LinearStage[], bottom: Runner): Runner {
  return (scope, fn, hold) => run(stages, bottom, new Call(scope, hold, stages.length), fn)
}

function promiseOf(around: AroundStage, inner: Runner): Runner {
  return (scope, fn, hold) =>
    new Promise((resolve, reject) => {
      around.around(inner, scope, fn, hold, { resolve, reject })
    })
}

function frameAround(stages: readonly LinearStage[], around: AroundStage, inner: Runner): Runner {
  const bottom = promiseOf(around, inner)
  return (scope, fn, hold) =>
    new Promise((resolve, reject) => {
      new AroundCall(stages, bottom, scope, fn, hold, resolve, reject).start(around, inner)
    })
}

// Every call pays in bytes for what this function keeps over an `await`, so the walks are functions of their own.
async function run(
  stages: readonly LinearStage[],
  bottom: Runner,
  call: Call,
  fn: PolicyFunction<unknown>,
): Promise<unknown> {
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
    if (verdict !== undefined && verdict !== AGAIN) verdict = await settle(stages, call, verdict)
    if (verdict !== undefined) continue
    if (call.failed) throw call.value
    return call.value
  }
}

/** Waits for a stage that wants more before it is left, then leaves the others. */
async function settle(stages: readonly LinearStage[], call: Call, first: Verdict | Promise<Verdict>): Promise<Verdict> {
  let verdict = first
  while (verdict !== undefined && verdict !== AGAIN) {
    try {
      if ((await verdict) === AGAIN) return AGAIN
    } catch (error) {
      call.fail(error)
    }
    call.depth--
    verdict = leave(stages, call)
  }
  return verdict
}

/**
 * A call of a frame whose function is run by a stage around it. While nothing has to wait, the stages are left where that stage tells
 * the outcome: one promise for the whole call, where `run` and the stage would each have one. Whatever waits goes on in `run`.
 */
class AroundCall extends Call implements Outcome {
  readonly #stages: readonly LinearStage[]
  readonly #bottom: Runner
  readonly #fn: PolicyFunction<unknown>
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  #isTold = false

  constructor(
    stages: readonly LinearStage[],
    bottom: Runner,
    scope: Scope,
    fn: PolicyFunction<unknown>,
    hold: Hold | undefined,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(scope, hold, stages.length)
    this.#stages = stages
    this.#bottom = bottom
    this.#fn = fn
    this.#resolve = resolve
    this.#reject = reject
  }

  start(around: AroundStage, inner: Runner): void {
    try {
      const wait = enter(this.#stages, this)
      if (wait !== undefined) {
        this.#isTold = true
        this.#goOn(this.#runAfter(wait))
        return
      }
      if (this.scope.aborted) throw this.scope.reason
    } catch (error) {
      this.reject(error)
      return
    }
    around.around(inner, this.scope, this.#fn, this.hold, this)
  }

  resolve(value: unknown): void {
    if (this.#isTold) return
    this.value = value
    this.failed = false
    this.#leave()
  }

  reject(error: unknown): void {
    if (this.#isTold) return
    this.fail(error)
    this.#leave()
  }

  #leave(): void {
    this.#isTold = true
    const verdict = leave(this.#stages, this)
    if (verdict !== undefined) this.#goOn(this.#runOn(verdict))
    else if (this.failed) this.#reject(this.value)
    else this.#resolve(this.value)
  }

  #goOn(rest: Promise<unknown>): void {
    rest.then(this.#resolve, this.#reject)
  }

  async #runAfter(wait: Promise<unknown>): Promise<unknown> {
    try {
      await wait
      this.depth++
    } catch (error) {
      this.fail(error)
      return this.#runOn(leave(this.#stages, this))
    }
    return run(this.#stages, this.#bottom, this, this.#fn)
  }

  async #runOn(verdict: Verdict | Promise<Verdict>): Promise<unknown> {
    if ((await settle(this.#stages, this, verdict)) === AGAIN) return run(this.#stages, this.#bottom, this, this.#fn)
    if (this.failed) throw this.value
    return this.value
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
