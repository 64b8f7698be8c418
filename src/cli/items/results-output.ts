import { once } from 'node:events'
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'

/** Where a command's results go, one line each. */
export interface ResultsOutput {
  /** The file that takes the results until they are complete; null if they go to their destination directly. */
  readonly partialPath: string | null
  /** Adds a line. If it returns a promise, the next line must wait for it. */
  write(line: string): Promise<void> | undefined
  /** Finishes the output after the last result. */
  complete(): Promise<void>
  /** Ends the output early; the results written so far stay where they are. */
  leave(): Promise<void>
}

/** Nobody reads standard output any more. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError'
}

const BUFFER_CHARS = 64 * 1024

/**
 * Opens `path`, or standard output for '-'. A file appears under its name only when it is complete; until then it grows
 * as `<path>.partial`.
 *
 * @throws {Error} when the file cannot be written
 */
export async function resultsOutput(path: string): Promise<ResultsOutput> {
  if (path === '-') return new StandardOutput()
  try {
    const existing = await stat(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    })
    if (existing?.isDirectory() === true) throw new Error('it is a folder')
    // A device or a pipe must not be replaced by a file.
    const isOrdinary = existing === null || existing.isFile()
    return new FileOutput(
      path,
      isOrdinary ? `${path}.partial` : null,
      await open(isOrdinary ? `${path}.partial` : path, 'w'),
    )
  } catch (error) {
    throw new Error(`the output '${path}' cannot be written: ${(error as Error).message}`, { cause: error })
  }
}

class FileOutput implements ResultsOutput {
  readonly partialPath: string | null
  readonly #path: string
  readonly #file: FileHandle
  #text = ''
  #isEmpty = true

  constructor(path: string, partialPath: string | null, file: FileHandle) {
    this.#path = path
    this.partialPath = partialPath
    this.#file = file
  }

  write(line: string): Promise<void> | undefined {
    this.#text += `${line}\n`
    return this.#text.length < BUFFER_CHARS ? undefined : this.#flush()
  }

  async complete(): Promise<void> {
    await this.#flush()
    if (this.partialPath !== null) await this.#file.sync()
    await this.#file.close()
    if (this.partialPath !== null) await rename(this.partialPath, this.#path)
  }

  async leave(): Promise<void> {
    await this.#flush().finally(() => this.#file.close())
    if (this.#isEmpty && this.partialPath !== null) await unlink(this.partialPath)
  }

  async #flush(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text === '') return
    this.#isEmpty = false
    try {
      await this.#file.writeFile(text)
    } catch (error) {
      throw new Error(`the output '${this.#path}' cannot be written: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Only results go to standard output; from now on, anything that tasks print goes to standard error. */
class StandardOutput implements ResultsOutput {
  readonly partialPath = null
  readonly #write = process.stdout.write.bind(process.stdout)
  #failure: Error | undefined = undefined
  #text = ''
  readonly #failed = (error: NodeJS.ErrnoException): void => {
    this.#failure ??=
      error.code === 'EPIPE'
        ? new OutputClosedError('nobody reads the output any more')
        : new Error(`standard output cannot be written: ${error.message}`, { cause: error })
  }

  constructor() {
    // The listener in main.ts would end the process at once; here the run must end first.
    process.stdout.removeAllListeners('error').on('error', this.#failed)
    process.stdout.write = process.stderr.write.bind(process.stderr)
    // The pipe that brings the output of worker threads waits for this event.
    process.stderr.on('drain', () => process.stdout.emit('drain'))
  }

  write(line: string): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure
    // Most items are awaited anyway, so a line goes out with the others of the same turn of the event loop.
    if (this.#text === '') setImmediate(() => this.#flush())
    this.#text += `${line}\n`
    return this.#text.length < BUFFER_CHARS ? undefined : this.#drain()
  }

  async complete(): Promise<void> {
    await this.#drain()
    process.stdout.off('error', this.#failed)
  }

  leave(): Promise<void> {
    return this.complete()
  }

  #flush(): boolean {
    const text = this.#text
    this.#text = ''
    return text === '' || this.#failure !== undefined || this.#write(text)
  }

  async #drain(): Promise<void> {
    if (!this.#flush()) await once(process.stdout, 'drain').catch(() => undefined)
    // A write reports its error a little later.
    await new Promise(setImmediate)
    if (this.#failure !== undefined) throw this.#failure
  }
}
