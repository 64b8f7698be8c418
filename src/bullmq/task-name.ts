import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'

/** A task by what is the same on every machine. */
export interface TaskName {
  /** File name of its module. */
  readonly module: string
  /** The name it is exported by. */
  readonly export: string
  /** Of the module's text: SHA-256, shortened. */
  readonly hash: string
}

const HASH_LENGTH = 16

/** The name of a module on another machine, and the digest of its text. Its imports are not looked at. */
export async function moduleName(url: string): Promise<{ readonly module: string; readonly hash: string }> {
  if (!url.startsWith('file:')) return { module: url, hash: digest(url) }
  const plain = new URL(url)
  plain.search = plain.hash = ''
  const path = fileURLToPath(plain)
  try {
    return { module: basename(path), hash: digest(await readFile(path)) }
  } catch (error) {
    throw runError(`the module ${path} of the task cannot be read: ${messageOf(error)}`, error)
  }
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, HASH_LENGTH)
}
