import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CompleteOptions } from '../execute/options.js'
import { ArraySource, type ItemSource } from '../execute/run/item-source.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { pathOf } from '../records/checkpoint-log.js'
import { chained, digestOf } from '../records/item-digest.js'

/** The name of a task, which is the same on every machine. */
export interface TaskName {
  /** File name of its module. */
  readonly module: string
  /** The name it is exported by. */
  readonly export: string
  /** SHA-256 of the module's text, shortened. */
  readonly hash: string
}

const HASH_LENGTH = 16

/** The name of a module on every machine, and the digest of its text. Imported modules are not included. */
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

/** Most items whose digests go into the name of a run; chunks have a checksum of all their items. */
const MOST_DIGESTS = 10_000

/**
 * The name of a run: the same for the same task, items and options, so that a resumed run finds its chunks. The items of a source are not known
 * beforehand. Its checkpoint distinguishes its runs on this host; without one, each run has another name.
 */
export function runIdOf(task: TaskName, source: ItemSource, options: CompleteOptions): string {
  const { checkpoint, timeoutMs } = options
  const items =
    source instanceof ArraySource
      ? digestOfItems(source.items)
      : checkpoint === undefined
        ? randomUUID()
        : [hostname(), pathOf(checkpoint)]
  return digest(JSON.stringify([task, items, timeoutMs]))
}

function digestOfItems(items: ArrayLike<unknown>): readonly [number, number] {
  const step = Math.max(1, Math.floor(items.length / MOST_DIGESTS))
  let running = 0
  for (let i = 0; i < items.length; i += step) running = chained(running, digestOf(items[i]))
  return [items.length, running]
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, HASH_LENGTH)
}
