/**
 * Under this name `util.inspect`, and so `console.log`, finds what an object wants to be shown as. Node's own symbol, by its key: so no
 * object needs `node:util` for it.
 */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * The text for an object whose state is private: an object of a class `name` with that state. Node writes it as any other,
 * within the depth and in the colours asked for.
 *
 * @param name - in words, since minifiers shorten the names of classes
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
