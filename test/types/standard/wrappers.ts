import type { Policy, PolicyFunction, Wrapped } from '../../../dist/internal/policy.js'
import { Recorder, withRecorder } from '../both/recorder.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only where the type argument is `true`. */
function assertType<T extends true>(): T | undefined {
  return undefined
}

const guard = withRecorder({ label: 'x' })

export const asynchronous = guard(async (id: number, name: string): Promise<string> => `${id}${name}`)
assertType<Equal<typeof asynchronous.policy, Recorder>>()
assertType<Equal<Parameters<typeof asynchronous>, [id: number, name: string]>>()
assertType<Equal<ReturnType<typeof asynchronous>, Promise<string>>>()

export const synchronous = withRecorder((id: number): number => id * 2)
assertType<Equal<ReturnType<typeof synchronous>, Promise<number>>>()
assertType<Equal<Parameters<typeof synchronous>, [id: number]>>()

export const either = guard((id: number): number | Promise<number> => id)
assertType<Equal<ReturnType<typeof either>, Promise<number>>>()

export const generic = guard(async <T>(value: T): Promise<T> => value)
export const kept: Promise<'a'> = generic('a')

export const thrower = guard((): never => {
  throw new Error('always')
})
assertType<Equal<ReturnType<typeof thrower>, Promise<never>>>()

export const several = [async (): Promise<number> => 1, async (): Promise<number> => 2].map((fn, index) =>
  guard(fn, index),
)
export const results: Promise<number>[] = several.map((fn) => fn())

export const bound = guard(function (this: { base: number }, n: number): number {
  return this.base + n
})
assertType<Equal<ThisParameterType<typeof bound>, { base: number }>>()
// @ts-expect-error -- `this` is still demanded
export const unbound = (): unknown => bound(1)

// A limiter of another make keeps its type.
class Special extends Recorder {
  readonly special = true
}
export const special = withRecorder(new Special())
assertType<Equal<typeof special.policy, Special>>()

export function refused(): void {
  // @ts-expect-error -- the parameters are those of the function
  asynchronous('1', 'b').catch(String)
  // @ts-expect-error -- an unknown option
  withRecorder({ lable: 'x' })
  // @ts-expect-error -- not a function
  withRecorder()(1)
  // @ts-expect-error -- a class cannot be called
  withRecorder()(Special)
  // @ts-expect-error -- options of the wrong type
  withRecorder({ label: 1 })
  // @ts-expect-error -- a policy of another kind
  withRecorder(new Other())
}

class Other implements Policy {
  readonly kind = 'other'
  execute = <T>(fn: PolicyFunction<T>): Promise<T> => new Recorder().execute(fn)
  wrap = <F extends (...args: never[]) => unknown>(fn: F): Wrapped<F> => new Recorder().wrap(fn)
}
