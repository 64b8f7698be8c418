import { valueOf } from '../../internal/options/predicate.js'
import { checkFunction, describe } from '../../internal/options/validate.js'

/** The value by which requests share a limit, a breaker and a pause. */
export type PerOrigin = 'origin' | ((request: { readonly url: string; readonly method: string }) => string)

/** @throws {TypeError} when it is relative, or none: there is no page here that it would be relative to */
function absolute(url: string): URL {
  if (URL.canParse(url)) return new URL(url)
  throw new TypeError(`url must be absolute, such as 'https://api.example.org/items'; received ${describe(url)}`)
}

/** The origin of a URL; programs ask for the same one again and again. */
function originOf(): (request: { readonly url: string }) => string {
  let last = { url: '', origin: '' }
  return ({ url }) => {
    if (url !== last.url || url === '') last = { url, origin: absolute(url).origin }
    return last.origin
  }
}

/** @throws {TypeError} when `per` is none */
export function originReader(per: PerOrigin): (request: { readonly url: string; readonly method: string }) => string {
  if (per === 'origin') return originOf()
  checkFunction('per', per)
  return (request) => {
    const own: unknown = valueOf(per(request))
    if (typeof own === 'string') return own
    throw new TypeError(`per must return a string; it returned ${describe(own)}`)
  }
}
