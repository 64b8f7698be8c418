// Tables, charts and targets of the group micro.
import { formatNumber } from '../../dist/cli/text/table.js'
import { atMost } from '../support/targets.mjs'

const PATHS = {
  allowed: 'Allowed, answered at once',
  denied: 'Denied, answered at once',
  await: 'Awaited, granted without waiting',
  'await-denied': 'Awaited, rejected',
}

/** One table for each path, with the ratio to this package's first case of it. */
export function pathTables(cases) {
  return Object.entries(PATHS).map(([path, title]) => {
    const shown = cases.filter((entry) => entry.path === path)
    const ours = shown.find((entry) => entry.role === 'ours')
    const columns = [
      { title: 'limiter', align: 'left' },
      { title: 'call', align: 'left' },
      { title: 'ns', align: 'right' },
      { title: 'lowest to highest', align: 'right' },
      { title: 'heap bytes', align: 'right' },
      { title: 'x amorsize', align: 'right' },
    ]
    const rows = shown.map(({ subject, call, ns, heapBytes }) => [
      subject,
      `\`${call}\``,
      formatNumber(ns.median),
      `${formatNumber(ns.min)} to ${formatNumber(ns.max)}`,
      formatNumber(heapBytes.median),
      formatNumber(ns.median / ours.ns.median),
    ])
    return { title, table: { columns, rows } }
  })
}

/** One line a limiter: the three figures a reader looks for. */
export function readmeTable(cases) {
  const cell = (subject, path) => {
    const found = cases.find((entry) => entry.subject === subject && entry.path === path)
    return found === undefined ? '' : `${formatNumber(found.ns.median)} (${formatNumber(found.heapBytes.median)})`
  }
  const subjects = [...new Set(cases.filter(({ role }) => role !== 'floor').map(({ subject }) => subject))]
  return {
    title: 'One decision, ns (heap bytes)',
    table: {
      columns: [
        { title: '', align: 'left' },
        { title: 'allowed', align: 'right' },
        { title: 'denied', align: 'right' },
        { title: 'awaited', align: 'right' },
      ],
      rows: subjects.map((subject) => [subject, ...['allowed', 'denied', 'await'].map((path) => cell(subject, path))]),
    },
  }
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
  const nsText = (entry) => `${formatNumber(entry.ns.median)} ns`
  const ratio = (what, id, rivalId, limit) => {
    const [ours, theirs] = [of(id), of(rivalId)]
    return atMost(what, ours.ns.median / theirs.ns.median, limit, `${nsText(ours)} / ${nsText(theirs)}`)
  }
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
    atMost(
      "import 'amorsize' beyond an empty module",
      importMs.amorsize.median - importMs.empty.median,
      8,
      `${formatNumber(importMs.amorsize.median)} ms - ${formatNumber(importMs.empty.median)} ms`,
      'ms',
    ),
  ]
}
