/**
 * Key of the method by which an object tells `util.inspect`, and so `console.log`, how to show it. It is Node's own registered symbol,
 * so no object needs `node:util` for it.
 */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * Stands in for an object whose state is private: an object of a class `name` with that state. Node prints it like any other, with the
 * requested depth and colours.
 *
 * @param name - given as a string, because minifiers shorten the names of classes
 * @param state - undefined values are left out
 */
export function shownAs(name: string, state: Readonly<Record<string, unknown>>): object {
  // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- Node shows what an object is an instance of
  class Shown {
    constructor() {
      for (const [key, value] of Object.entries(state)) {
        if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true })
      }
    }
  }
  return new (Object.defineProperty(Shown, 'name', { value: name }))()
}

/** The name of shared state and how far it reaches, if it has one. */
export function shownName(
  name: string | null | undefined,
  scope: string,
): { readonly name?: string; readonly scope?: string } {
  return typeof name === 'string' ? { name, scope } : {}
}
