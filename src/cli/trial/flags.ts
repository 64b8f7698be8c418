import type { Command } from 'commander'
import { MAX_TIMER_MS } from '../../internal/time/clock.js'
import { type ItemsInput, itemsInput } from '../items/items-input.js'
import { integerFrom, numberThat } from '../numbers.js'

/** Options common to commands that run the same items again and again. */
export interface TrialFlags {
  readonly items?: string
  readonly range?: number
  readonly rounds: number
  readonly limitMs: number
  readonly timeoutMs?: number
  readonly json?: true
}

/** Adds the options of {@link TrialFlags}. */
export function withTrialFlags(command: Command, rounds: number): Command {
  return command
    .option('--items <file>', 'items as JSON: one per line (NDJSON), or one array (.json)')
    .option('--range <n>', 'the numbers from 0 to n - 1 as items', integerFrom(1, Number.MAX_SAFE_INTEGER))
    .option('--rounds <n>', 'how often each is run, in turn with the others', integerFrom(1, 1000), rounds)
    .option(
      '--limit-ms <ms>',
      'milliseconds one run may take; then its process is ended',
      integerFrom(100, MAX_TIMER_MS),
      60_000,
    )
    .option('--timeout-ms <ms>', 'milliseconds an item may take', integerFrom(1, MAX_TIMER_MS))
    .option('--json', 'print one JSON object per line instead of text')
}

/** Reads a share in per cent, such as 5. */
export const percentage = numberThat((value) => value >= 0 && value <= 1000, 'a number of per cent from 0 to 1000')

/**
 * Counts the items, which must be readable more than once.
 *
 * @throws {Error} when there are none, or they can be read only once
 */
export async function repeatableItems(
  flags: Pick<TrialFlags, 'items' | 'range'>,
): Promise<{ readonly input: ItemsInput; readonly count: number }> {
  if (flags.items === '-')
    throw new Error('standard input can be read only once: write the items to a file, and give that')
  const input = await itemsInput(flags)
  if (input.total === null)
    throw new Error(`the items '${flags.items ?? ''}' can be read only once: write them to a file, and give that`)
  if (input.total === 0) throw new Error('there are no items to run')
  return { input, count: input.total }
}
