// Tables, charts and targets of the group micro.
import {
  decisionSection,
  formatNumber,
  left,
  middle,
  middleOrBound,
  range,
  right,
  section,
} from '../support/tables.mjs'
import { atMost, roundsAtMost } from '../support/targets.mjs'

const PATHS = {
  allowed: 'Allowed, answered at once',
  denied: 'Denied, answered at once',
  await: 'Awaited, granted without waiting',
  'await-denied': 'Awaited, rejected',
}

/** What the import of each entry may take beyond an empty module, milliseconds. */
const IMPORT_TARGETS = { amorsize: 9, 'amorsize/limiter': 4.5, 'amorsize/testing': 4 }
/** What is imported to be measured: entries of the package, and other packages beside them. */
export const importedModules = [...Object.keys(IMPORT_TARGETS), 'piscina', 'cockatiel', 'limiter']

/** What importing each takes. */
export function importTable(importMs) {
  return section('The import of a package', importedModules, [
    left('module', (id) => `\`${id}\``),
    right('ms', (id) => middle(importMs[id])),
    right('lowest to highest', (id) => range(importMs[id])),
    right('ms beyond an empty module', (id) => formatNumber(beyondEmpty(importMs, id))),
  ])
}

const beyondEmpty = (importMs, id) => importMs[id].median - importMs['./empty.mjs'].median

/** One table for each path, with the ratio to this package's first case of it. */
export function pathTables(cases) {
  return Object.entries(PATHS).map(([path, title]) => {
    const shown = cases.filter((entry) => entry.path === path)
    const ours = shown.find((entry) => entry.role === 'ours')
    return decisionSection(title, shown, [right('x amorsize', ({ ns }) => middleOrBound(ns, ours.ns.median))])
  })
}

/** One line a limiter: the three figures a reader looks for. */
export function readmeTable(cases) {
  const cell = (path) => (subject) => {
    const found = cases.find((entry) => entry.subject === subject && entry.path === path)
    return found === undefined ? '' : `${middleOrBound(found.ns)} (${middle(found.heapBytes)})`
  }
  const subjects = [...new Set(cases.filter(({ role }) => role !== 'floor').map(({ subject }) => subject))]
  return section('One decision, ns (heap bytes)', subjects, [
    left('', (subject) => subject),
    right('allowed', cell('allowed')),
    right('denied', cell('denied')),
    right('awaited', cell('await')),
  ])
}

/** One chart for the synchronous answers, one for the awaited. */
export function charts(cases) {
  const bars = (wanted, named) =>
    cases
      .filter(({ path, ns }) => wanted.includes(path) && ns.median > 0)
      .map((entry) => ({ name: named(entry), value: entry.ns.median, ours: entry.role === 'ours' }))
  return [
    {
      kind: 'bars',
      file: 'micro-at-once',
      title: 'A decision answered at once',
      axis: 'ns',
      logarithmic: false,
      bars: bars(['allowed', 'denied'], ({ subject, call, path, role }) =>
        role === 'floor' ? call : `${subject} ${call.split('.').at(-1)} ${path}`,
      ),
    },
    {
      kind: 'bars',
      file: 'micro-awaited',
      title: 'An awaited decision, granted without waiting',
      axis: 'ns',
      logarithmic: true,
      bars: bars(['await'], ({ subject }) => subject),
    },
  ]
}

/** What this group's figures are checked against. */
export function targets(cases, importMs) {
  const of = (id) => cases.find((entry) => entry.id === id)
  const ratio = (what, id, rivalId, limit) => roundsAtMost(what, of(id).ns, of(rivalId).ns, limit, ' ns')
  const heap = (what, id, limit) => {
    const bytes = of(id).heapBytes.median
    return atMost(what, bytes, limit, `${bytes} bytes per call`, 'bytes')
  }
  return [
    ratio('tryAcquire() allowed / limiter tryRemoveTokens', 'amorsize/allowed', 'limiter/allowed', 0.4),
    ratio('tryAcquire() denied / limiter tryRemoveTokens', 'amorsize/denied', 'limiter/denied', 0.4),
    heap('tryAcquire() allowed, heap', 'amorsize/allowed', 0),
    heap('tryAcquire() denied, heap', 'amorsize/denied', 0),
    ratio('lease tryAcquire() / fast-ratelimit consumeSync', 'amorsize/lease', 'fast-ratelimit/allowed', 0.3),
    ratio('await acquire() / await of a resolved promise', 'amorsize/await', 'floor/await', 1.15),
    heap('await acquire(), heap (as a resolved promise)', 'amorsize/await', of('floor/await').heapBytes.median),
    ...Object.entries(IMPORT_TARGETS).map(([id, limit]) =>
      atMost(
        `import '${id}' beyond an empty module`,
        beyondEmpty(importMs, id),
        limit,
        `${middle(importMs[id])} ms - ${middle(importMs['./empty.mjs'])} ms`,
        'ms',
      ),
    ),
  ]
}
