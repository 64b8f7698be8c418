// Who is measured: in each framework the bare server, this package and the rival, each with every kind of header fields that both have, and without.
import { load, rivalsWith } from '../support/rivals.mjs'

/** What is no limit. */
const FLOORS = {
  bare: 'no limit',
  empty: 'a middleware that does nothing',
  address: "one that reads the client's address",
  fields: 'one that sets two header fields',
}

/** Returns every subject. */
export function subjects() {
  return rivalsWith('server').flatMap(({ title, role, server }) =>
    server.map(({ framework, headers, add }) => ({
      id: `${framework}, ${title}, ${headers}`,
      framework,
      role,
      title: FLOORS[headers] ?? title,
      headers,
      add,
    })),
  )
}

/** The subject without a limit ('bare'), with a middleware that does nothing ('empty'), that reads the address ('address') or sets header fields ('fields'). */
export function floorOf(framework, kind) {
  return subjects().find((subject) => subject.framework === framework && subject.headers === kind)
}

/** Returns the function that puts the limit of the subject with this id into a server. */
export function limitOf(id, terms) {
  const { add } = subjects().find((subject) => subject.id === id)
  return (app) => add(load, app, terms)
}
