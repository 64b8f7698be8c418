import { type Command, Option } from 'commander'
import type { StreamOptions } from '../../index.js'
import { integerFrom, numberThat } from '../numbers.js'

const MAX_COUNT = Number.MAX_SAFE_INTEGER
const milliseconds = numberThat((ms) => ms > 0 && ms <= MAX_COUNT, 'a number of milliseconds > 0')

/** How a run is to be carried out, as given on the command line. */
export interface RunFlags {
  readonly items?: string
  readonly range?: number
  readonly workers?: number
  readonly chunkSize?: number
  readonly mode?: 'serial' | 'async' | 'threads'
  readonly timeoutMs?: number
}

/** Adds the options that say which items there are and how to run them. */
export function withRunFlags(command: Command): Command {
  return command
    .option(
      '--items <file>',
      "one item per line, as JSON (NDJSON), or a .json file with one array; '-' for standard input",
    )
    .option('--range <n>', 'the numbers from 0 to n - 1 as items', integerFrom(0, MAX_COUNT))
    .option(
      '--workers <n>',
      'worker threads, or items at once with --mode async (default: what is measured)',
      integerFrom(1, 65_536),
    )
    .option(
      '--chunk-size <n>',
      'items a worker is sent at a time (default: what is measured)',
      integerFrom(1, MAX_COUNT),
    )
    .addOption(
      new Option('--mode <mode>', 'how to run them (default: the fastest)').choices(['serial', 'async', 'threads']),
    )
    .option('--timeout-ms <ms>', 'milliseconds an item may take', milliseconds)
}

/** Ends the command with an error unless exactly one option says where the items come from. */
export function requireItems(command: Command, { items, range }: RunFlags): void {
  if ((items === undefined) !== (range === undefined)) return
  command.error(
    "error: say where the items come from: either '--items <file>' ('-' for standard input) or '--range <n>'",
  )
}

/** The options of `execute`, `optimize` and `stream` that the flags stand for. */
export function runOptions({ workers, chunkSize, mode, timeoutMs }: RunFlags): StreamOptions {
  return { workers, chunkSize, mode, timeoutMs }
}
