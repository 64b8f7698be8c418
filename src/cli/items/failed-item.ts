import { inspect } from 'node:util'

/** The argument of the hook `onItemError`. */
export interface FailedItem {
  readonly index: number
  readonly error: unknown
}

/** Says which item has failed, and of what. */
export function failureOf({ index, error }: FailedItem): Error {
  return new Error(
    `item ${index} failed: ${error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { breakLength: Infinity })}`,
    { cause: error },
  )
}
