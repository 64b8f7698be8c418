import { checkKeys, describe } from '../../internal/options/validate.js'
import { type CellAddress, checkShared, type SharedBuffer } from './region.js'

/** The fields that handles of all kinds have. */
interface AnyHandle {
  readonly kind: string
  readonly buffer?: SharedBuffer
  readonly cell?: number
}

/**
 * Checks the shape of a handle. Its memory is checked when it is opened.
 *
 * @param kind - the value that its `kind` must have: 'amorsize.' and the class that made it
 * @param data - the key of its options
 * @param more - the names of other fields that it may have
 * @throws {TypeError} when it is not such a handle
 */
export function checkHandleShape<H extends AnyHandle>(
  handle: H,
  kind: H['kind'],
  data: 'policy' | 'options',
  more: readonly string[] = ['clock'],
): H {
  const maker = kind.slice(kind.indexOf('.') + 1)
  const given = handle as Partial<AnyHandle & Record<'policy' | 'options', { readonly name?: unknown } | null>> | null
  if (typeof given !== 'object' || given === null || given.kind !== kind) {
    throw new TypeError(`handle must be what ${maker}.share() returned; received ${describe(handle)}`)
  }
  checkKeys(`${maker}.from`, handle, ['kind', data, 'buffer', 'cell', ...more])
  const options = given[data]
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`handle.${data} must be an object; received ${describe(options)}`)
  if (options.name !== undefined && given.buffer === undefined) return handle
  checkShared(given.buffer)
  return handle
}

/** Where the cells of a checked handle are; null if it has a name instead. Each kind checks its cells as it opens them. */
export function addressIn({ buffer, cell }: AnyHandle): CellAddress | null {
  return buffer === undefined ? null : { buffer, cell: cell as number }
}
