import { createHash } from 'node:crypto'

/** A longer key takes the place of its digest: what callers send must not fill the server. */
const LONGEST_KEY = 200

/** A key of a caller as it stands in the server's. */
export function shortKey(key: string): string {
  return key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('base64url')
}

/** The server's key of a limit. In a cluster, limits whose names begin alike up to a '/' are in one place. */
export function serverKey(name: string): string {
  const [, tag = name, rest = ''] = /^([^/]+)(\/.*)$/s.exec(name) ?? []
  return `rl:{${tag}}${rest}`
}

/** A name of any characters as it stands in the server's key, where two of them begin and end what a cluster goes by. Two names stay two. */
export function keyName(name: string): string {
  return name.replace(/[%:{}]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
}
