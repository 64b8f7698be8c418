import { createReadStream } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Interruption } from './interruption.js'
import { countLines, ndjsonValues } from './ndjson-lines.js'

/** Where the items come from, as the options say. */
export interface ItemsOptions {
  /** Path of an NDJSON file, or '-' for standard input. */
  readonly items?: string
  /** As many numbers from 0. */
  readonly range?: number
}

/** The items of a command. */
export interface ItemsInput {
  /** Number of items, null where only the end will tell. */
  readonly total: number | null
  /** Gives the items once; ends early where an interruption says so. */
  open(interruption?: Interruption): AsyncIterable<unknown> | Iterable<unknown>
}

const CHUNK_BYTES = 256 * 1024

/**
 * Finds the items. A file is counted, so that a bar can tell how far the run is.
 *
 * @throws {Error} when neither or both options are there, or the file cannot be read
 */
export async function itemsInput(options: ItemsOptions): Promise<ItemsInput> {
  const { items, range } = options
  if ((items === undefined) === (range === undefined)) throw new Error("say where the items come from: --items <file> (or '-'), or --range <n>")
  if (range !== undefined) return { total: range, open: (interruption) => numbers(range, interruption) }
  const path = items as string
  if (path === '-') return { total: null, open: (interruption) => values(process.stdin.setEncoding('utf8'), '<stdin>', interruption) }
  try {
    await access(path, constants.R_OK)
    const found = await stat(path)
    if (found.isDirectory()) throw new Error('it is a folder')
    return {
      // A pipe can be read only once.
      total: found.isFile() ? await countLines(read(path)) : null,
      open: (interruption) => values(read(path), path, interruption),
    }
  } catch (error) {
    throw new Error(`the items '${path}' cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function read(path: string): Readable {
  return createReadStream(path, { encoding: 'utf8', highWaterMark: CHUNK_BYTES })
}

function* numbers(count: number, interruption: Interruption | undefined): Generator<number, void> {
  for (let i = 0; i < count && interruption?.cutsHere() !== true; i++) yield i
}

async function* values(text: Readable, name: string, interruption: Interruption | undefined): AsyncGenerator<unknown, void> {
  // A pipe may have nothing to say for hours; this ends the wait for it.
  interruption?.onRequest(() => text.destroy())
  try {
    for await (const item of ndjsonValues(text, name)) {
      if (interruption?.cutsHere() === true) return
      yield item
    }
  } catch (error) {
    if (!text.destroyed || interruption?.cutsHere() !== true) throw error
  }
}
