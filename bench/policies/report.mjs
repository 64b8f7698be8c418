// Tables, charts and targets of the group policies.
import { formatNumber } from '../../dist/cli/text/table.js'
import { atMost } from '../support/targets.mjs'

const ALL = 'retry + breaker + bulkhead + timeout'
const WITHOUT_RETRY = 'breaker + bulkhead + timeout'

function find(cases, path, library) {
  return cases.find((each) => each.path === path && each.library === library)
}

/** One table for each composition, with the ratio to this package. */
export function pathTables(cases) {
  return [...new Set(cases.map(({ path }) => path))].map((path) => {
    const ours = find(cases, path, 'amorsize')
    const columns = [
      { title: 'library', align: 'left' },
      { title: 'ns', align: 'right' },
      { title: 'lowest to highest', align: 'right' },
      { title: 'heap bytes', align: 'right' },
      { title: 'x amorsize', align: 'right' },
    ]
    const rows = cases
      .filter((each) => each.path === path)
      .map(({ library, ns, heapBytes }) => [
        library,
        formatNumber(ns.median),
        `${formatNumber(ns.min)} to ${formatNumber(ns.max)}`,
        formatNumber(heapBytes.median),
        formatNumber(ns.median / ours.ns.median),
      ])
    return { title: path, table: { columns, rows } }
  })
}

/** One bulkhead in several threads. */
export function threadsTable(threads) {
  const columns = [
    { title: '', align: 'left' },
    { title: 'calls/s', align: 'right' },
    { title: 'lowest to highest', align: 'right' },
    { title: 'slots', align: 'right' },
    { title: 'most at once', align: 'right' },
  ]
  const rows = threads.map(({ id, slots, callsPerSecond, mostAtOnce }) => [
    id,
    formatNumber(callsPerSecond.median),
    `${formatNumber(callsPerSecond.min)} to ${formatNumber(callsPerSecond.max)}`,
    String(slots),
    String(mostAtOnce),
  ])
  return { title: 'one bulkhead by name, all threads together', table: { columns, rows } }
}

/** One line a library. */
export function readmeTable(cases) {
  const cell = (path, library) => {
    const found = find(cases, path, library)
    return found === undefined ? '' : `${formatNumber(found.ns.median)} (${formatNumber(found.heapBytes.median)})`
  }
  const paths = [ALL, WITHOUT_RETRY, 'retry', 'breaker', 'bulkhead', 'timeout'].filter(
    (path) => find(cases, path, 'amorsize') !== undefined,
  )
  return {
    title: 'Policies around a resolved function, ns (heap bytes)',
    table: {
      columns: [{ title: '', align: 'left' }, ...paths.map((title) => ({ title, align: 'right' }))],
      rows: [...new Set(cases.map(({ library }) => library))]
        .filter((library) => library !== 'no policy')
        .map((library) => [library, ...paths.map((path) => cell(path, library))]),
    },
  }
}

export function charts(cases) {
  return [ALL, WITHOUT_RETRY]
    .filter((path) => find(cases, path, 'amorsize') !== undefined)
    .map((path, index) => ({
      kind: 'bars',
      file: `policies-${index + 1}`,
      title: `${path} around a resolved function`,
      axis: 'ns per call',
      logarithmic: true,
      bars: cases
        .filter((each) => each.path === path)
        .map(({ library, ns }) => ({ name: library, value: ns.median, ours: library === 'amorsize' }))
        .sort((a, b) => a.value - b.value),
    }))
}

export function targets(cases) {
  const ratio = (path, rival, limit) => {
    if (find(cases, path, 'amorsize') === undefined) return []
    const ours = find(cases, path, 'amorsize').ns.median
    const theirs = find(cases, path, rival).ns.median
    return [
      atMost(
        `${path}: amorsize / ${rival}`,
        ours / theirs,
        limit,
        `${formatNumber(ours)} ns, ${formatNumber(theirs)} ns`,
      ),
    ]
  }
  return [...ratio(ALL, 'cockatiel', 0.06), ...ratio(WITHOUT_RETRY, 'opossum', 0.7)]
}
