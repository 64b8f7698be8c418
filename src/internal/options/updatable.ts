/**
 * How an object checks a change and makes it in two steps, so that changes of several objects are made all or not at all: throws as
 * `update` does where the change is wrong, or returns what makes it.
 */
export const CHECKED_UPDATE = Symbol('amorsize.checkedUpdate')

/** What can be changed while it is in use. `C`: what its `update` takes. */
export interface Updatable<C> {
  update(change: C): void
  /** @internal */
  [CHECKED_UPDATE](change: C): () => void
}
