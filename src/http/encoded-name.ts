import { createHash } from 'node:crypto'
import { MAX_NAME_LENGTH, checkSharedName } from '../internal/options/check-common.js'
import type { NameScope } from '../memory/shared/names.js'

/** A name of any characters as a name of shared memory, which in scope 'machine' takes neither slash nor NUL. Different names stay different. */
export function encodedName(name: string): string {
  return name.replace(/[%/\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** A name that was put together, as short as shared memory needs it: of a longer one the beginning, and a digest of the whole. */
export function fittingName(name: string): string {
  if (name.length <= MAX_NAME_LENGTH) return name
  // Half of a surrogate pair is no name.
  const beginning = name.slice(0, MAX_NAME_LENGTH - 40).replace(/\p{Surrogate}$/u, '')
  return `${beginning}%${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}

/** The name of a part of what `name` names, such as its pauses; undefined if that has none. */
export function partName(name: string | null, part: string): string | undefined {
  return name === null ? undefined : fittingName(`${name}%${part}`)
}

/** Like `checkSharedName`, for a name of any characters, which is returned encoded. */
export function checkEncodedName(
  name: string | undefined,
  scope: NameScope | undefined,
): { name: string | null; scope: NameScope } {
  // Its own length counts, not what it takes to write it.
  const isFitting = typeof name === 'string' && name.length <= MAX_NAME_LENGTH
  return checkSharedName(isFitting ? fittingName(encodedName(name)) : name, scope)
}
