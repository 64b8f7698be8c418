import { isUtf8 } from 'node:buffer'

/** A line of the input is not JSON, or not UTF-8. */
class BadLineError extends Error {
  override readonly name = 'BadLineError'
}

/**
 * Reads one JSON value per line, no further ahead than the consumer asks. Blank lines are skipped.
 *
 * @param chunks - the text in pieces, cut anywhere
 * @param name - of the input, for messages
 * @throws {BadLineError} naming a line that is not JSON or not UTF-8
 */
export async function* ndjsonValues(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<unknown, void> {
  let lineNumber = 0
  for await (const line of linesOf(chunks, name)) {
    lineNumber++
    // A byte-order mark is how some editors begin a file.
    const text = lineNumber === 1 && line.startsWith('\uFEFF') ? line.slice(1) : line
    if (text.trim() === '') continue
    try {
      yield JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      const why = `${error.message}; each line is one JSON value, and a text has quotes`
      throw new BadLineError(`${name}:${lineNumber} is not JSON: ${why}`, { cause: error })
    }
  }
}

/** Yields lines of UTF-8 text. Other encodings are refused: they would be decoded to wrong characters unnoticed. */
async function* linesOf(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<string, void> {
  let lineNumber = 1
  for await (const block of blocksOf(chunks)) {
    if (isUtf8(block)) {
      const lines = block.toString().split('\n')
      lineNumber += lines.length
      yield* lines
      continue
    }
    for (const line of block.toString('latin1').split('\n')) {
      const bytes = Buffer.from(line, 'latin1')
      if (!isUtf8(bytes)) throw new BadLineError(`${name}:${lineNumber} is not UTF-8`)
      lineNumber++
      yield bytes.toString()
    }
  }
}

/** Yields blocks of whole lines. Only a line feed ends a line: JSON strings may contain Unicode's other line ends as they are. */
async function* blocksOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let rest: Buffer[] = []
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf('\n')
    if (end >= 0) {
      yield Buffer.concat([...rest, chunk.subarray(0, end)])
      rest = []
    }
    rest.push(chunk.subarray(end + 1))
  }
  const last = Buffer.concat(rest)
  if (last.length > 0) yield last
}

/**
 * Counts the lines that {@link ndjsonValues} would read a value from.
 *
 * @throws {BadLineError} naming a line that is not UTF-8
 */
export async function countLines(chunks: AsyncIterable<Buffer>, name: string): Promise<number> {
  let count = 0
  for await (const line of linesOf(chunks, name)) if (line.trim() !== '') count++
  return count
}
