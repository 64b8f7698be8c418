import { inspect } from 'node:util'

/** The argument of the hook `onItemError`. */
export interface FailedItem {
  readonly index: number
  readonly error: unknown
}

/** Makes an error that says which item failed, and why. */
export function failureOf({ index, error }: FailedItem): Error {
  return new Error(
    `item ${index} failed: ${error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { breakLength: Infinity })}`,
    { cause: error },
  )
}
