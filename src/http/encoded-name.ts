import { createHash } from 'node:crypto'
import { MAX_NAME_LENGTH } from '../internal/options/check-common.js'

/**
 * A name that may hold any character, as a name of shared memory, which in scope 'machine' takes neither slash nor NUL. Two
 * names stay two.
 */
export function encodedName(name: string): string {
  return name.replace(/[%/\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** A name that was put together, no longer than shared memory takes it: of a longer one the beginning, and a digest of all of it. */
export function fittingName(name: string): string {
  if (name.length <= MAX_NAME_LENGTH) return name
  // Half of a surrogate pair is no name.
  const beginning = name.slice(0, MAX_NAME_LENGTH - 40).replace(/\p{Surrogate}$/u, '')
  return `${beginning}%${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
