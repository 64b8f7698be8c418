/**
 * Whether others see the stores of a thread in their order without being told to: so it is on x64, and V8 keeps the order of stores to
 * typed arrays. There a plain store saves a locked instruction for each item.
 */
const KEEPS_ORDER = process.arch === 'x64'

/** Says what has come of an item whose result is stored already. */
export function publishState(states: Uint8Array, index: number, state: number): void {
  // order: release, by a stronger one where the processor needs any. Pairs with `readState`: who sees the state sees the result.
  if (KEEPS_ORDER) states[index] = state
  else Atomics.store(states, index, state)
}

/** What has come of an item; its result may be read then. */
export function readState(states: Uint8Array, index: number): number | undefined {
  // order: acquire. Pairs with `publishState`.
  return KEEPS_ORDER ? states[index] : Atomics.load(states, index)
}
