import { type Clock, systemClock } from '../time/clock.js'
import { checkClock, checkName } from './check-common.js'
import { checkBoolean, checkFunction, checkKeys, checkNumber, checkOneOf, type NumberRange } from './validate.js'

// One table describes the options of a policy: their checks, their defaults, and what becomes of them when the policy goes to another
// thread. Checks, reading, handles and the reasons that keep a policy in its thread all follow from the table. So no option that has
// a line there can be forgotten anywhere.

/**
 * The fate of an option when its policy goes to another thread: 'data' travels with it; 'bound' is a function of this thread, so a policy
 * that has it stays; 'here' is left behind, and the policy is the same without it.
 */
export type Place = 'data' | 'bound' | 'here'

/** One option. */
export interface Option<T, P extends Place = Place> {
  readonly place: P
  /** Checks a value and returns it, or the default for undefined. @throws {TypeError | RangeError} naming the option */
  read(name: string, value: unknown): T
}

type AnyTable = Readonly<Record<string, Option<unknown>>>

/** A line for each option of `O`. */
export type OptionTable<O> = Readonly<Record<keyof O, Option<unknown>>>

/** The options that a table reads. */
export type ReadOptions<T> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never }

/** The options of a table that travel to another thread. */
export type DataKeys<T> = { [K in keyof T]: T[K] extends Option<unknown, 'data'> ? K : never }[keyof T]

/** The values in `V` that travel. */
export type DataOf<V, T> = { readonly [K in DataKeys<T> & keyof V]?: Exclude<V[K], null | undefined> }

/** The names of the options of a table. */
export function namesOf<T extends AnyTable>(table: T): readonly (keyof T & string)[] {
  return Object.keys(table)
}

/** An option with a check of its own. */
export function option<T, P extends Place>(place: P, read: (name: string, value: unknown) => T): Option<T, P> {
  return { place, read }
}

/** A number in this range; required if there is no default. */
export function numberOption(range: NumberRange, byDefault?: number): Option<number, 'data'> {
  return option('data', (name, value) => checkNumber(name, value === undefined ? byDefault : value, range))
}

/** A number in this range, or undefined: then its value depends on other options. */
export function optionalNumber(range: NumberRange): Option<number | undefined, 'data'> {
  return option('data', (name, value) => (value === undefined ? undefined : checkNumber(name, value, range)))
}

export function booleanOption(byDefault: boolean): Option<boolean, 'data'> {
  return option('data', (name, value) => checkBoolean(name, value === undefined ? byDefault : value))
}

/** One of several words. */
export function wordOption<const W extends string>(words: readonly W[], byDefault: NoInfer<W>): Option<W, 'data'> {
  return option('data', (name, value) => checkOneOf(name, value === undefined ? byDefault : value, words))
}

/** A name for events and errors; null if it is not given. */
export const nameOption = option('data', (name, value) => checkName(name, value as string | undefined))

/** Data that is checked elsewhere, together with other options. */
export function rawOption<T>(): Option<T | undefined, 'data'> {
  return option('data', (_, value) => value as T | undefined)
}

/** A function, or none. */
export function functionOption<F extends (...args: never[]) => unknown, P extends 'bound' | 'here' = 'bound'>(
  place: P = 'bound' as P,
): Option<F | undefined, P> {
  return option(place, (name, value) => (value === undefined ? undefined : checkFunction(name, value as F)))
}

/** Not 'bound' like a function: a policy with a clock of its own is recognized by the clock itself. */
export const clockOption: Option<Clock, 'here'> = option('here', (name, value) =>
  checkClock(name, value === undefined ? systemClock : (value as Clock)),
)

/**
 * Checks options by their table and fills in what was not given.
 *
 * @param what - whose options these are, for the message
 * @throws {TypeError | RangeError} naming the first option that is unknown or wrong
 */
export function readOptions<T extends AnyTable>(what: string, given: object, table: T): ReadOptions<T> {
  checkKeys(what, given, Object.keys(table))
  return readValues(given, table)
}

/** The same for options whose names have been checked. @param prefix - of their names in messages */
export function readValues<T extends AnyTable>(given: object, table: T, prefix = ''): ReadOptions<T> {
  const read = Object.entries(table).map(([name, one]) => [name, one.read(prefix + name, Reflect.get(given, name))])
  return Object.fromEntries(read) as ReadOptions<T>
}

/**
 * The values that travel, without undefined and null. Objects are copied: they may change later, or be Proxies, as in libraries that
 * keep settings, which cannot be sent to another thread.
 */
export function dataIn<V extends object, T extends AnyTable>(values: V, table: T): DataOf<V, T> {
  const copied = Object.entries(pick(values, table, 'data')).map(([name, value]) => [name, copyOf(value)])
  return Object.fromEntries(copied) as DataOf<V, T>
}

function copyOf(value: unknown): unknown {
  if (typeof value !== 'object') return value
  return Array.isArray(value) ? [...(value as unknown[])] : { ...value }
}

/** The functions among `given` that keep a policy in its thread, by their names. */
export function boundIn(given: object, table: AnyTable): Readonly<Record<string, unknown>> {
  return pick(given, table, 'bound')
}

function pick(values: object, table: AnyTable, wanted: Place): Record<string, unknown> {
  const kept = Object.entries(table).flatMap(([name, { place }]) => {
    const value: unknown = Reflect.get(values, name)
    return place === wanted && value !== undefined && value !== null ? [[name, value] as const] : []
  })
  return Object.fromEntries(kept)
}
