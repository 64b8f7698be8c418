// Every decision that is measured, as the rivals offer it.
import { rivals } from '../support/rivals.mjs'

/** @typedef {'allowed' | 'denied' | 'await' | 'await-denied'} Path - a synchronous answer that is always yes or always no, or a promise that always resolves or always rejects */

/**
 * @typedef {object} DecideCase
 * @property {string} id - unique, and stable across versions
 * @property {string} subject - what is measured, as a reader knows it
 * @property {string | null} package - the package it comes from; null for this package and for the language itself
 * @property {'ours' | 'rival' | 'floor'} role
 * @property {Path} path
 * @property {string} call - the call that is timed, as source
 * @property {Record<string, string>} [env] - environment of the case's process
 * @property {(load: (name: string) => Promise<any>) => Promise<() => unknown>} make - prepares a limiter and returns the call
 */

/** @type {DecideCase[]} */
export const cases = rivals.flatMap(({ name, title, role, decide = [] }) =>
  decide.map((each) => ({
    subject: each.title ?? title,
    package: role === 'rival' ? name : null,
    role,
    ...each,
    id: `${each.group ?? name}/${each.id ?? each.path}`,
  })),
)

/** Returns the case with this id. @throws {RangeError} when there is none */
export function caseNamed(id) {
  const found = cases.find((each) => each.id === id)
  if (found === undefined) throw new RangeError(`no benchmark case is called '${id}'`)
  return found
}
