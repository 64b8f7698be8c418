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

/** How many items `iterable` will give, null if nobody has said. */
export function knownLength(iterable: object): number | null {
  return lengths.get(iterable) ?? null
}
