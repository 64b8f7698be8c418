/** Whether a word that holds the low `bits` of the number of a slice of time is of a later slice; native/core/slice_number.h says why so. */
export function isLaterSlice(found: bigint, slice: bigint, bits: bigint): boolean {
  const range = 1n << bits
  const ahead = (found - slice) & (range - 1n)
  return ahead !== 0n && ahead <= range >> 10n
}
