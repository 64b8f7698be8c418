/** The text for a value that has none of its own, such as `Object.create(null)`. */
const UNREADABLE = 'what was thrown has no readable text'

/** The message of `error`, whatever was thrown. Never throws. */
export function messageOf(error: unknown): string {
  return textOf(error, ({ message }) => message)
}

/** The stack of `error`, or its message if it has none, whatever was thrown. Never throws. */
export function stackOf(error: unknown): string {
  return textOf(error, ({ stack, message }) => stack ?? message)
}

/** The subject of a message: `who` ('the bulkhead'), and its name if it has one. */
export function subjectOf(who: string, name: string | null): string {
  return name === null ? who : `${who} '${name}'`
}

function textOf(error: unknown, read: (error: Error) => string): string {
  try {
    return String(error instanceof Error ? read(error) : error)
  } catch {
    return UNREADABLE
  }
}
