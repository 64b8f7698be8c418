import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, readFile, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { withKnownLength } from '../../internal/known-length.js'
import type { Interruption } from './interruption.js'
import { countLines, ndjsonValues } from './ndjson-lines.js'

/** Where the items come from: one of the two. */
export interface ItemsOptions {
  /** Path of an NDJSON file or of a `.json` file with one array, or '-' for standard input. */
  readonly items?: string | undefined
  /** This many numbers, from 0 on. */
  readonly range?: number | undefined
}

/** The items of a command. */
export interface ItemsInput {
  /** Number of items; null if it is known only at the end. */
  readonly total: number | null
  /** All items at once if they are few enough, so that their number is known; otherwise the same as {@link ItemsInput.open}. */
  all(): Promise<Iterable<unknown> | AsyncIterable<unknown>>
  /** Reads the items once; ends early if `interruption` says so. */
  open(interruption?: Interruption): AsyncIterable<unknown> | Iterable<unknown>
  /** A hash that is the same for equal items; null if they can be read only once. */
  digest(): Promise<string | null>
}

const CHUNK_BYTES = 256 * 1024
/** At most this many numbers or bytes of items are held in memory at once. */
const FEW_NUMBERS = 10_000_000
const FEW_BYTES = 64 << 20

/**
 * Opens the items. The lines of a file are counted, so that a progress bar can show how far the run is.
 *
 * @throws {Error} when the file cannot be read
 */
export async function itemsInput(options: ItemsOptions): Promise<ItemsInput> {
  const { items, range } = options
  if (range !== undefined) {
    const open = (interruption?: Interruption): Iterable<number> => withKnownLength(numbers(range, interruption), range)
    return {
      total: range,
      open,
      all: () => Promise.resolve(range > FEW_NUMBERS ? open() : Float64Array.from(open())),
      digest: () => Promise.resolve(`range ${range}`),
    }
  }
  const path = items as string
  if (path === '-') {
    const open = (interruption?: Interruption): AsyncIterable<unknown> =>
      values(process.stdin, '<stdin>', Infinity, interruption)
    return { total: null, open, all: () => Promise.resolve(open()), digest: unknown }
  }
  try {
    await access(path, constants.R_OK)
    const found = await stat(path)
    if (found.isDirectory()) throw new Error('it is a folder')
    if (!found.isFile()) {
      // A pipe can be read only once, so its lines are not counted.
      const open = (interruption?: Interruption): AsyncIterable<unknown> =>
        values(read(path), path, Infinity, interruption)
      return { total: null, open, all: () => Promise.resolve(open()), digest: unknown }
    }
    const elements = path.endsWith('.json') && found.size <= FEW_BYTES ? await elementsIn(path) : null
    if (elements !== null) {
      const open = (interruption?: Interruption): Iterable<unknown> =>
        withKnownLength(untilCut(elements, interruption), elements.length)
      return { total: elements.length, open, all: () => Promise.resolve(elements), digest: () => digestOf(elements) }
    }
    const total = await countLines(read(path), path)
    const open = (interruption?: Interruption): AsyncIterable<unknown> =>
      withKnownLength(values(read(path), path, total, interruption), total)
    return {
      total,
      open,
      all: () => (found.size <= FEW_BYTES ? arrayOf(open()) : Promise.resolve(open())),
      digest: () => digestOf(open()),
    }
  } catch (error) {
    throw new Error(`the items '${path}' cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** The elements of a file that holds one JSON array; null for any other file, which has one item per line. */
async function elementsIn(path: string): Promise<unknown[] | null> {
  try {
    const whole: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(whole) ? whole : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function* untilCut(elements: readonly unknown[], interruption: Interruption | undefined): Generator<unknown, void> {
  for (const element of elements) {
    if (interruption?.cutsHere() === true) return
    yield element
  }
}

const unknown = (): Promise<null> => Promise.resolve(null)

async function digestOf(items: AsyncIterable<unknown> | Iterable<unknown>): Promise<string> {
  const hash = createHash('sha256')
  for await (const item of items) hash.update(`${JSON.stringify(item)}\n`)
  return hash.digest('hex')
}

async function arrayOf(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const array: unknown[] = []
  for await (const item of items) array.push(item)
  return array
}

function read(path: string): Readable {
  return createReadStream(path, { highWaterMark: CHUNK_BYTES })
}

function* numbers(count: number, interruption: Interruption | undefined): Generator<number, void> {
  for (let i = 0; i < count && interruption?.cutsHere() !== true; i++) yield i
}

/** @param most - the number of items when they were counted: items added to the file since then are ignored */
async function* values(
  text: Readable,
  name: string,
  most: number,
  interruption: Interruption | undefined,
): AsyncGenerator<unknown, void> {
  // A pipe may be silent for hours; this ends the wait.
  interruption?.onRequest(() => text.destroy())
  let count = 0
  try {
    for await (const item of ndjsonValues(text, name)) {
      if (count++ >= most || interruption?.cutsHere() === true) return
      yield item
    }
  } catch (error) {
    if (!text.destroyed || interruption?.cutsHere() !== true) throw error
  }
}
