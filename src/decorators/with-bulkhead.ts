import { Bulkhead } from '../policy/bulkhead/bulkhead.js'
import type { BulkheadOptions } from '../policy/bulkhead/options.js'
import { guardFactory } from './guard.js'

/**
 * Limits how many calls of a function or method run at once; see `bulkhead`. A wrapper, a standard decorator and an
 * `experimentalDecorators` one.
 *
 * @param options - the options of a bulkhead (default: ten at once, the others wait), or an existing `bulkhead` to share
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @example
 * const query = withBulkhead({ maxConcurrent: 4, name: 'database' })(
 *   async (text: string) => database.query(text),
 * )
 * class Client { @withBulkhead({ maxConcurrent: 2 })
 *   async report(id: number) { return query(`select ${id}`) }
 * }
 */
export const withBulkhead = guardFactory({
  name: 'withBulkhead',
  kind: 'bulkhead',
  create: (options?: BulkheadOptions) => new Bulkhead(options),
})
