/** Makes a value when it is first asked for, and gives the same one from then on. An error of `make` is not kept. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
