import { createHash, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { CompleteOptions } from '../execute/options.js'
import { ArraySource, type ItemSource } from '../execute/run/item-source.js'
import { pathOf } from '../records/checkpoint-log.js'
import { chained, digestOf } from '../records/item-digest.js'
import type { TaskName } from './task-name.js'

/** Items whose digests make up a run's name; chunks carry a checksum of all of theirs. */
const MOST_DIGESTS = 10_000
const ID_LENGTH = 16

/**
 * The name of a run: the same for the same task, items and options, so that one that is resumed finds what it has left behind. Of a source
 * that can be read but once nothing is known; the checkpoint distinguishes its runs on this host, else each is another.
 */
export function runIdOf(task: TaskName, source: ItemSource, options: CompleteOptions): string {
  const { checkpoint, timeoutMs } = options
  const items =
    source instanceof ArraySource
      ? digestOfItems(source.items)
      : checkpoint === undefined
        ? randomUUID()
        : [hostname(), pathOf(checkpoint)]
  return createHash('sha256')
    .update(JSON.stringify([task, items, timeoutMs]))
    .digest('hex')
    .slice(0, ID_LENGTH)
}

function digestOfItems(items: ArrayLike<unknown>): readonly [number, number] {
  const step = Math.max(1, Math.floor(items.length / MOST_DIGESTS))
  let running = 0
  for (let i = 0; i < items.length; i += step) running = chained(running, digestOf(items[i]))
  return [items.length, running]
}
