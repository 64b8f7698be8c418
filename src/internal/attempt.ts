/** Returns the result of `make`, or undefined if it throws, as forbidden calls in a sandbox and traps of a proxy do. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
