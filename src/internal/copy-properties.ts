import { attempt } from './attempt.js'

/** Properties that every function has of its own. */
const NOT_COPIED: ReadonlySet<string | symbol> = new Set(['prototype', 'arguments', 'caller'])

/** The part of the package reflect-metadata that is needed, if a program has loaded it. */
interface Metadata {
  getOwnMetadataKeys?(target: object): unknown[]
  getOwnMetadata?(key: unknown, target: object): unknown
  defineMetadata?(key: unknown, value: unknown, target: object): void
}

/**
 * Gives `to` the own properties of `from`, symbols, getters and hidden ones included, and its reflect-metadata, where frameworks keep routes,
 * guards and the like. Properties that cannot be read are left out.
 */
export function copyProperties(from: object, to: object): void {
  for (const key of attempt(() => Reflect.ownKeys(from)) ?? []) {
    if (NOT_COPIED.has(key)) continue
    const descriptor = attempt(() => Reflect.getOwnPropertyDescriptor(from, key))
    // A frozen function must not freeze what is made of it.
    if (descriptor !== undefined) Reflect.defineProperty(to, key, { ...descriptor, configurable: true })
  }
  attempt(() => copyMetadata(Reflect as Metadata, from, to))
}

function copyMetadata(reflect: Metadata, from: object, to: object): void {
  for (const key of reflect.getOwnMetadataKeys?.(from) ?? []) {
    reflect.defineMetadata?.(key, reflect.getOwnMetadata?.(key, from), to)
  }
}
