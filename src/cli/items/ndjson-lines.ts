/** A line of the input is not JSON. */
class BadLineError extends Error {
  override readonly name = 'BadLineError'
}

/**
 * Reads one JSON value from each line, and no further ahead than is asked for. Lines of blanks are left out.
 *
 * @param chunks - the text, cut anywhere
 * @param name - of the input, for messages
 * @throws {BadLineError} naming the line, when one is no JSON
 */
export async function* ndjsonValues(chunks: AsyncIterable<string>, name: string): AsyncGenerator<unknown, void> {
  let lineNumber = 0
  for await (const line of linesOf(chunks)) {
    lineNumber++
    // A byte-order mark is how some editors begin a file.
    const text = lineNumber === 1 && line.startsWith('\uFEFF') ? line.slice(1) : line
    if (text.trim() === '') continue
    try {
      yield JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw new BadLineError(`${name}:${lineNumber} is not JSON: ${error.message}`, { cause: error })
    }
  }
}

/** Only a line feed ends a line: JSON may hold the other line ends of Unicode as they are. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of chunks) {
    rest += chunk
    if (!chunk.includes('\n')) continue
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** Counts the lines that {@link ndjsonValues} would read a value from. */
export async function countLines(chunks: AsyncIterable<string>): Promise<number> {
  let count = 0
  for await (const line of linesOf(chunks)) if (line.trim() !== '') count++
  return count
}
