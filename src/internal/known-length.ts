const lengths = new WeakMap<object, number>()

/**
 * Notes how many items `iterable` will give at most. A property `length` would not do: some iterables have one with another meaning.
 *
 * @returns `iterable`
 */
export function withKnownLength<T extends object>(iterable: T, length: number): T {
  lengths.set(iterable, length)
  return iterable
}

/** How many items `iterable` will give at most; null if that is not known. */
export function knownLength(iterable: object): number | null {
  return lengths.get(iterable) ?? null
}
