import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { type PackedThrown, packBarely, packThrown, unpackThrown } from '../execute/transfer/thrown.js'
import { attempt } from '../internal/attempt.js'
import { messageOf } from '../internal/text/error-text.js'

const JSON_MARK = 'j'
const V8_MARK = 'v'
const MAX_DEPTH = 200

/** Writes values as text: as JSON if that preserves them, else by `v8.serialize`. @throws as that does */
export function encodeValues(values: readonly unknown[]): string {
  return values.every((value) => isExactJson(value, 0))
    ? JSON_MARK + JSON.stringify(values)
    : V8_MARK + serialize(values).toString('base64')
}

/**
 * Writes values as text, or returns the error of a value that cannot travel.
 *
 * @param most - bytes of the text
 * @param what - the value's name in the error, if there is only one
 * @param advice - for a value that is too large
 */
export function encodeWithin(most: number, values: readonly unknown[], what: string, advice: string): string | Error {
  try {
    const encoded = encodeValues(values)
    const bytes = Buffer.byteLength(encoded)
    if (bytes <= most) return encoded
    return new RangeError(`${what} takes ${bytes} bytes on its way, more than maxChunkBytes (${most}); ${advice}`)
  } catch (cause) {
    return new TypeError(`${what} cannot travel to another machine: ${messageOf(cause)}`, { cause })
  }
}

/** @throws {Error} if the text is something else, or was written by a newer Node */
export function decodeValues(text: string): unknown[] {
  const rest = text.slice(1)
  const values: unknown = text.startsWith(JSON_MARK) ? JSON.parse(rest) : deserialize(Buffer.from(rest, 'base64'))
  if (!Array.isArray(values)) throw new TypeError('the values of a chunk cannot be read')
  return values
}

/** Whether JSON preserves the value. */
function isExactJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || isExactObject(value, depth)
    default:
      return false
  }
}

function isExactObject(value: object, depth: number): boolean {
  // `v8.serialize` refuses a proxy. If JSON took one, it could not be sent together with values that need `v8.serialize`.
  if (depth > MAX_DEPTH || types.isProxy(value) || 'toJSON' in value) return false
  if (Array.isArray(value)) {
    // A loop finds holes, which `every` skips.
    for (let i = 0; i < value.length; i++) if (!isExactJson(value[i], depth + 1)) return false
    return Object.keys(value).length === value.length
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0) return false
  return Object.values(value).every((property) => isExactJson(property, depth + 1))
}

/** The outcome of an item as it is sent. */
type PackedOutcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly thrown: PackedThrown }

const RESULTS_MARK = 'r'
const OUTCOMES_MARK = 'o'

/**
 * Writes the outcomes of a chunk. If a result cannot travel, only its item fails.
 *
 * @param first - index of the first item, for messages
 * @param maxBytes - an item with a larger result fails
 */
export function encodeOutcomes(
  settled: readonly PromiseSettledResult<unknown>[],
  first: number,
  maxBytes: number,
): string {
  const whole = attempt(() => encodeAll(settled, Infinity))
  if (whole !== undefined && Buffer.byteLength(whole) <= maxBytes) return whole
  // A result is too large or cannot travel, or there are many of them.
  return encodeAll(
    settled.map((outcome, i) => travelling(outcome, first + i, maxBytes)),
    maxBytes,
  )
}

/** The results, if all are fulfilled; else undefined. */
export function valuesOf(settled: readonly PromiseSettledResult<unknown>[]): unknown[] | undefined {
  if (!settled.every(({ status }) => status === 'fulfilled')) return undefined
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value)
}

function encodeAll(settled: readonly PromiseSettledResult<unknown>[], maxBytes: number): string {
  const values = valuesOf(settled)
  if (values !== undefined) return RESULTS_MARK + encodeValues(values)
  return OUTCOMES_MARK + encodeValues(settled.map((one) => packed(one, maxBytes)))
}

function packed(outcome: PromiseSettledResult<unknown>, maxBytes: number): PackedOutcome {
  if (outcome.status === 'fulfilled') return { ok: true, value: outcome.value }
  const thrown = packThrown(outcome.reason)
  const bare = cut(packBarely(outcome.reason), thrown, Infinity)
  const fits = (one: PackedThrown): boolean => (attempt(() => serialize(one))?.length ?? Infinity) <= maxBytes
  const found = [thrown, bare, withoutStack(bare)].find(fits)
  return { ok: false, thrown: found ?? withoutStack(cut(bare, bare, maxBytes / CUT_PART)) }
}

function withoutStack(thrown: PackedThrown): PackedThrown {
  return thrown.kind === 'value' ? thrown : { ...thrown, stack: undefined }
}

/** A few texts of this part of the most bytes fit, however they are encoded. */
const CUT_PART = 16

/** An error that is too large keeps its classes, its code, and the beginning of its name and of its message. */
function cut(bare: PackedThrown, whole: PackedThrown, most: number): PackedThrown {
  const short = (text: string): string =>
    text.length <= most ? text : `${text.slice(0, most)}… (${text.length} characters)`
  if (bare.kind === 'value') return { kind: 'value', value: short(String(bare.value)) }
  const { code } = whole.kind === 'error' ? whole.properties : bare.properties
  const plain = code !== undefined && 'kind' in code && code.kind === 'value' ? code.value : undefined
  const isShort = typeof plain === 'number' || (typeof plain === 'string' && plain.length <= most)
  let left = most
  // The base class is kept: every thread has it.
  const classes = bare.classes.filter((name) => name === bare.base || (left -= name.length) >= 0)
  const kept = isShort && code !== undefined ? { properties: { code }, shown: ['code'] } : { properties: {}, shown: [] }
  return { ...bare, ...kept, name: short(bare.name), message: short(bare.message), classes }
}

function travelling(
  outcome: PromiseSettledResult<unknown>,
  index: number,
  maxBytes: number,
): PromiseSettledResult<unknown> {
  if (outcome.status === 'rejected') return outcome
  const what = `the result of item ${index}`
  const encoded = encodeWithin(maxBytes, [outcome.value], what, 'let the task store it and return where it is')
  return typeof encoded === 'string' ? outcome : { status: 'rejected', reason: encoded }
}

/** @param known - classes that the task's module exports, for errors */
export function decodeOutcomes(
  text: string,
  known: Readonly<Record<string, unknown>>,
): PromiseSettledResult<unknown>[] {
  const values = decodeValues(text.slice(1))
  if (text.startsWith(RESULTS_MARK)) return values.map((value) => ({ status: 'fulfilled', value }))
  return (values as PackedOutcome[]).map((one) =>
    one.ok
      ? { status: 'fulfilled', value: one.value }
      : { status: 'rejected', reason: unpackThrown(one.thrown, known) },
  )
}
