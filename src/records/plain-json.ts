import { inspect } from 'node:util'

const MAX_DEPTH = 200

/** A value as it is written to a line of JSON. */
export interface Written {
  /** JSON of the value, or of the text that describes it. */
  readonly json: string
  /** Whether it is a description, as JSON cannot hold the value. */
  readonly inspected: boolean
}

/** Writes `value` as JSON where that says all there is to it, else as `util.inspect` shows it. Never throws. */
export function writeValue(value: unknown): Written {
  try {
    const json = isJson(value, 0) ? (JSON.stringify(value) as string | undefined) : undefined
    if (json !== undefined) return { json, inspected: false }
  } catch {
    // A getter, a proxy or a toJSON that throws; it is shown as far as that goes.
  }
  return { json: JSON.stringify(show(value)), inspected: true }
}

/** What `util.inspect` makes of `value`, in one line. Never throws. */
export function show(value: unknown): string {
  try {
    return inspect(value, { depth: 10, maxArrayLength: 1000, breakLength: Infinity })
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}

/** Whether JSON keeps the value. A property that is undefined may go, a class too, and what has a toJSON knows best itself. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || isJsonObject(value, depth)
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  // A value that holds itself has no end.
  if (depth > MAX_DEPTH) return false
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return true
  // Holes have no key; what has one and no number would go.
  if (Array.isArray(value))
    return Object.keys(value).length === value.length && value.every((element) => isJson(element, depth + 1))
  if (Object.prototype.toString.call(value) !== '[object Object]' || ArrayBuffer.isView(value)) return false
  return Object.values(value).every((property) => property === undefined || isJson(property, depth + 1))
}
