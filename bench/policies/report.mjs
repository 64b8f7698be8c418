// Tables, charts and targets of the group policies.
import { formatNumber, left, middle, right, section, spread } from '../support/tables.mjs'
import { ratioAtMost } from '../support/targets.mjs'

const ALL = 'retry + breaker + bulkhead + timeout'
const WITHOUT_RETRY = 'breaker + bulkhead + timeout'

function find(cases, path, library) {
  return cases.find((each) => each.path === path && each.library === library)
}

/** One table for each composition, with the ratio to this package. */
export function pathTables(cases) {
  return [...new Set(cases.map(({ path }) => path))].map((path) => {
    const ours = find(cases, path, 'amorsize')
    return section(
      path,
      cases.filter((each) => each.path === path),
      [
        left('library', ({ library }) => library),
        ...spread('ns', ({ ns }) => ns),
        right('heap bytes', ({ heapBytes }) => middle(heapBytes)),
        right('x amorsize', ({ ns }) => formatNumber(ns.median / ours.ns.median)),
      ],
    )
  })
}

/** One bulkhead in several threads. */
export function threadsTable(threads) {
  return section('one bulkhead by name, all threads together', threads, [
    left('', ({ id }) => id),
    ...spread('calls/s', ({ callsPerSecond }) => callsPerSecond),
    right('slots', ({ slots }) => String(slots)),
    right('most at once', ({ mostAtOnce }) => String(mostAtOnce)),
  ])
}

/** One line a library. */
export function readmeTable(cases) {
  const cell = (path) => (library) => {
    const found = find(cases, path, library)
    return found === undefined ? '' : `${middle(found.ns)} (${middle(found.heapBytes)})`
  }
  const paths = [ALL, WITHOUT_RETRY, 'retry', 'breaker', 'bulkhead', 'timeout'].filter(
    (path) => find(cases, path, 'amorsize') !== undefined,
  )
  const libraries = new Set(cases.map(({ library }) => library))
  libraries.delete('no policy')
  return section(
    'Policies around a resolved function, ns (heap bytes)',
    [...libraries],
    [left('', (library) => library), ...paths.map((path) => right(path, cell(path)))],
  )
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
    const [ours, theirs] = ['amorsize', rival].map((library) => find(cases, path, library).ns.median)
    return [ratioAtMost(`${path}: amorsize / ${rival}`, ours, theirs, limit, ' ns')]
  }
  return [...ratio(ALL, 'cockatiel', 0.06), ...ratio(WITHOUT_RETRY, 'opossum', 0.7)]
}
