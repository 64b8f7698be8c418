/** What `make` returns; undefined where it throws, as what a sandbox forbids and the traps of a proxy do. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
