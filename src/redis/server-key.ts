import { createHash } from 'node:crypto'

/** A longer key is replaced by its digest, so that keys which callers choose do not fill the server. */
const LONGEST_KEY = 200

/** A caller's key as it appears in the key on the server. */
export function shortKey(key: string): string {
  return key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('base64url')
}

/** The key of a limit on the server. In a cluster, limits whose names are the same up to a '/' are on one server. */
export function serverKey(name: string): string {
  const [, tag = name, rest = ''] = /^([^/]+)(\/.*)$/s.exec(name) ?? []
  return `rl:{${tag}}${rest}`
}

/** A name as it appears in the key on the server, where a colon and braces have a meaning. Different names stay different. */
export function keyName(name: string): string {
  return name.replace(/[%:{}]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
}
