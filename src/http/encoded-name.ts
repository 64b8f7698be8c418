/**
 * A name that may hold any character, as a name of shared memory, which in scope 'machine' takes neither slash nor NUL. Two
 * names stay two.
 */
export function encodedName(name: string): string {
  return name.replace(/[%/\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
