import { valueOf } from '../../internal/options/predicate.js'
import { checkFunction, describe } from '../../internal/options/validate.js'

/** The value by which requests share a limit, a breaker and a pause. */
export type PerOrigin = 'origin' | ((request: { readonly url: string; readonly method: string }) => string)

/** The origin of a URL; programs ask for the same one again and again. */
function originOf(): (request: { readonly url: string }) => string {
  let last = { url: '', origin: '' }
  return ({ url }) => {
    if (url === last.url && url !== '') return last.origin
    // There is no page here that it could be relative to.
    if (!URL.canParse(url))
      throw new TypeError(`url must be absolute, such as 'https://api.example.org/items'; received ${describe(url)}`)
    last = { url, origin: new URL(url).origin }
    return last.origin
  }
}

/** @throws {TypeError} when `per` is neither 'origin' nor a function */
export function originReader(per: PerOrigin = 'origin'): Exclude<PerOrigin, 'origin'> {
  if (per === 'origin') return originOf()
  checkFunction('per', per)
  return (request) => checkPer(per(request))
}

/** The result of a function `per`. @throws {TypeError} if it is no string */
export function checkPer(result: unknown): string {
  const own = valueOf(result)
  if (typeof own === 'string') return own
  throw new TypeError(`per must return a string; it returned ${describe(own)}`)
}
