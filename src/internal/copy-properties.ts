import { attempt } from './attempt.js'

/** Properties that every function has for itself. */
const NOT_COPIED: ReadonlySet<string | symbol> = new Set(['prototype', 'arguments', 'caller'])

/** The part of reflect-metadata that we need; missing unless the program has loaded that package. */
interface Metadata {
  getOwnMetadataKeys?(target: object): unknown[]
  getOwnMetadata?(key: unknown, target: object): unknown
  defineMetadata?(key: unknown, value: unknown, target: object): void
}

/**
 * Copies the own properties of `from` to `to`, including symbols, getters and hidden ones, and its reflect-metadata, where frameworks
 * keep routes, guards and the like. Properties that cannot be read are left out.
 */
export function copyProperties(from: object, to: object): void {
  for (const key of attempt(() => Reflect.ownKeys(from)) ?? []) {
    if (NOT_COPIED.has(key)) continue
    const descriptor = attempt(() => Reflect.getOwnPropertyDescriptor(from, key))
    // Properties of a frozen function must stay configurable in the copy.
    if (descriptor !== undefined) Reflect.defineProperty(to, key, { ...descriptor, configurable: true })
  }
  attempt(() => copyMetadata(Reflect as Metadata, from, to))
}

function copyMetadata(reflect: Metadata, from: object, to: object): void {
  for (const key of reflect.getOwnMetadataKeys?.(from) ?? []) {
    reflect.defineMetadata?.(key, reflect.getOwnMetadata?.(key, from), to)
  }
}
