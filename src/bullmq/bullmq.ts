import type { Elsewhere } from '../execute/options.js'
import { namesOf } from '../internal/options/options.js'
import { checkKeys, describe } from '../internal/options/validate.js'
import { openBullmq, type QueueAddress } from './bullmq-transport.js'
import type { BullmqModule } from './peer.js'
import { PLACE_OPTIONS, type PlaceOptions } from './place-options.js'
import { overTransport } from './place.js'

/** Options of {@link bullmq}. */
export interface BullmqOptions extends QueueAddress, PlaceOptions {}

export const ADDRESS_KEYS = ['connection', 'queue', 'prefix', 'backend', 'library'] as const

/**
 * Runs `execute` and `stream` on all machines whose workers serve the queue: `execute(task(url, name), items, { on: bullmq({ … }) })`. Items
 * are sent in chunks. Results come back in order, each once, and go into the checkpoint of the run if it has one. If a worker dies, its chunk
 * goes to another; an item that kills two workers fails alone.
 *
 * @param options - see {@link BullmqOptions}; `connection` and `queue` must be given
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const on = bullmq({ connection: { host: 'redis' }, queue: 'resize' })
 * const resize = task(new URL('./tasks.mjs', import.meta.url), 'resize')
 * const sizes = await execute(resize, paths, { on })
 */
export function bullmq(options: BullmqOptions): Elsewhere {
  checkKeys('bullmq', options, [...ADDRESS_KEYS, ...namesOf(PLACE_OPTIONS)])
  const { connection, queue, prefix, backend, library, ...place } = options
  const address = { connection, queue, prefix, backend, library }
  checkAddress(address)
  return overTransport((info) => openBullmq(address, info), place)
}

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function checkAddress({ connection, queue, prefix, backend, library }: QueueAddress): void {
  if (typeof connection !== 'object' || (connection as object | null) === null)
    throw new TypeError(
      `connection must be an object, such as { host: 'localhost', port: 6379 } or { url }; received ${describe(connection)}`,
    )
  checkQueueName('queue', queue)
  if (prefix !== undefined) checkQueueName('prefix', prefix)
  if ((connection as { isCluster?: unknown }).isCluster === true && !HASH_TAG.test(`${prefix ?? ''}:${queue}`))
    throw new RangeError(
      `prefix, or queue, must have a part in braces, such as '{bull}', where connection is a cluster, so that it keeps all keys of the queue on one server; received ${describe(prefix)} and ${describe(queue)}`,
    )
  if (backend !== undefined && typeof backend !== 'function')
    throw new TypeError(`backend must be a function that makes a backend of BullMQ 6; received ${describe(backend)}`)
  if (library !== undefined && typeof (library as BullmqModule | null)?.Queue !== 'function')
    throw new TypeError(`library must be the module of BullMQ; received ${describe(library)}`)
}

/** The part of a key by which a cluster chooses the server; keys begin with prefix and queue. */
const HASH_TAG = /^[^{]*\{[^}]+\}/

function checkQueueName(option: string, name: unknown): void {
  if (typeof name !== 'string') throw new TypeError(`${option} must be a string; received ${describe(name)}`)
  if (name === '' || name.includes(':') || name.length > 200)
    throw new RangeError(`${option} must have 1 to 200 characters, none of them ':'; received ${describe(name)}`)
}
