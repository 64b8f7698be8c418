import { attempt } from '../internal/attempt.js'
import { describe } from '../internal/options/validate.js'
import type { AnyFunction } from '../internal/policy.js'

/** The function that a guard was applied to, and which of the three ways of calling it was used. */
export type GuardTarget =
  | { readonly form: 'function'; readonly fn: AnyFunction }
  | { readonly form: 'standard'; readonly fn: AnyFunction }
  | { readonly form: 'legacy'; readonly fn: AnyFunction; readonly descriptor: PropertyDescriptor }

/**
 * Whether a compiler calls a decorator with such `args`: standard `(value, context)` or legacy `(target, key, descriptor)`. True also
 * for a decorated member that a guard refuses.
 */
export function isDecoratorCall(args: readonly unknown[]): boolean {
  return isStandardContext(args[1]) || isLegacyCall(args)
}

/**
 * Finds out in which of its three forms a guard was called.
 *
 * @param name - name of the guard, for messages
 * @param args - the arguments it received
 * @throws {TypeError} when they contain nothing that can be guarded: no function, or a class, getter, setter, field, accessor or parameter
 */
export function readGuardTarget(name: string, args: readonly unknown[]): GuardTarget {
  const [first, second] = args
  if (isStandardContext(second)) {
    if (second.kind !== 'method') {
      const member = String(second.name)
      throw refusal(name, `the ${second.kind} ${member}`, second.kind === 'field' ? member : null)
    }
    return { form: 'standard', fn: checkMethod(name, first, second.name) }
  }
  if (isLegacyCall(args)) return readLegacyTarget(name, args)
  if (typeof first !== 'function') {
    throw new TypeError(
      `${name} must be given the function to guard, or decorate a method; received ${describe(first)}`,
    )
  }
  if (isClass(first)) throw refusal(name, `the class ${first.name || '(anonymous)'}`)
  return { form: 'function', fn: first as AnyFunction }
}

/** Whether `value` was declared with `class`: such a function cannot be called. */
export function isClass(value: unknown): boolean {
  if (typeof value !== 'function') return false
  // The prototype of a class is read-only. So is that of built-in constructors, but many of them can be called.
  const prototype = attempt(() => Object.getOwnPropertyDescriptor(value, 'prototype'))
  return prototype?.writable === false && Function.prototype.toString.call(value).startsWith('class')
}

interface StandardContext {
  readonly kind: string
  readonly name: string | symbol
}

/** Every kind of standard decorator receives a context with these two properties; no options object has them. */
function isStandardContext(value: unknown): value is StandardContext {
  if (typeof value !== 'object' || value === null) return false
  const context = value as { kind?: unknown; addInitializer?: unknown }
  return typeof context.kind === 'string' && typeof context.addInitializer === 'function'
}

type LegacyCall = readonly [
  target: object,
  key: PropertyKey | undefined,
  third: PropertyDescriptor | number | undefined,
]

/** `functions.map(guard)` and its like also pass a key and a third argument, so both must be what a compiler passes. */
function isLegacyCall(args: readonly unknown[]): args is LegacyCall {
  const [target, key, third] = args
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null) return false
  // For a parameter of a method, the key is the method's; for one of a constructor, there is none.
  if (typeof third === 'number') return typeof key === 'string' || typeof key === 'symbol' || key === undefined
  if (isDescriptor(third)) return typeof key === 'string' || typeof key === 'symbol' || typeof key === 'number'
  return third === undefined && (typeof key === 'string' || typeof key === 'symbol')
}

function isDescriptor(value: unknown): value is PropertyDescriptor {
  if (typeof value !== 'object' || value === null) return false
  return 'value' in value || 'initializer' in value || ('configurable' in value && ('get' in value || 'set' in value))
}

function readLegacyTarget(name: string, [, key, third]: LegacyCall): GuardTarget {
  const member = key === undefined ? 'constructor' : String(key)
  if (typeof third === 'number') throw refusal(name, `parameter ${third} of ${member}`)
  if (third === undefined || 'initializer' in third) throw refusal(name, `the field ${member}`, member)
  if (third.get !== undefined) throw refusal(name, `the getter ${member}`)
  if (third.set !== undefined) throw refusal(name, `the setter ${member}`)
  return { form: 'legacy', fn: checkMethod(name, third.value, member), descriptor: third }
}

function checkMethod(name: string, value: unknown, member: string | symbol): AnyFunction {
  if (typeof value !== 'function') {
    throw new TypeError(`@${name} can decorate only methods; ${String(member)} is ${describe(value)}`)
  }
  // The guarded method returns a promise, which no `for await` over its result would accept.
  const kind = Object.prototype.toString.call(value)
  if (kind.endsWith('GeneratorFunction]')) throw refusal(name, `the generator ${String(member)}`)
  return value as AnyFunction
}

function refusal(name: string, what: string, field: string | null = null): TypeError {
  const advice = field === null ? '' : `; to guard a function kept in a field, write: ${field} = ${name}(...)(function)`
  return new TypeError(`@${name} can decorate only methods, not ${what}${advice}`)
}
