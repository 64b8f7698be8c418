/** What is left to say of what has no text of its own, such as `Object.create(null)`. */
const UNREADABLE = 'what was thrown has no readable text'

/** What `error` says, whatever was thrown. Never throws. */
export function messageOf(error: unknown): string {
  return textOf(error, ({ message }) => message)
}

/** What `error` says, and where it was made, whatever was thrown. Never throws. */
export function stackOf(error: unknown): string {
  return textOf(error, ({ stack, message }) => stack ?? message)
}

/** What a message is about: `who` ('the bulkhead'), and its name where it has one. */
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
