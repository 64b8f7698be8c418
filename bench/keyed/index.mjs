// A limit for each of a thousand and of a million keys: time, memory and garbage.
import { summarize } from '../../dist/cli/statistics.js'
import { formatCount, formatNumber } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { rivalsWith } from '../support/rivals.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atMost } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.3 : 1
const SIZES = [1_000, 1_000_000]
const MILLION = SIZES[1]

const subjects = rivalsWith('keyed').map(({ name, title, keyed }) => ({ id: name, title: keyed.title ?? title }))
const plans = SIZES.flatMap((keys) =>
  subjects.map(({ id, title }) => ({ id: `${id}/${keys}`, subject: id, title, keys })),
)
const jobs = plans.map(({ id, subject, keys }) =>
  programJob({ id, base: import.meta.url, file: 'case.mjs', args: [subject, keys, SECONDS], flags: ['--expose-gc'] }),
)
const results = await runRounds(jobs, ROUNDS)
const cases = plans.map((plan) => {
  const measured = results.get(plan.id)
  const figures = Object.keys(measured[0]).map((name) => [name, summarize(measured.map((result) => result[name]))])
  return { ...plan, ...Object.fromEntries(figures) }
})
const of = (subject, keys) => cases.find((entry) => entry.subject === subject && entry.keys === keys)

const FIGURES = [
  'missNs',
  'hitNs',
  'floodNs',
  'heapBytesPerKey',
  'outsideBytesPerKey',
  'missGcMsPerMillion',
  'hitGcMsPerMillion',
  'floodGcMsPerMillion',
]
const HEADINGS = [
  'new key, ns',
  'known key, ns',
  'flood, ns',
  'heap bytes per key',
  'bytes outside',
  'GC new',
  'GC known',
  'GC flood',
]

function tableOf(keys) {
  return {
    title: `${formatCount(keys)} keys`,
    table: {
      columns: [{ title: '', align: 'left' }, ...HEADINGS.map((title) => ({ title, align: 'right' }))],
      rows: cases
        .filter((entry) => entry.keys === keys)
        .map((entry) => [entry.title, ...FIGURES.map((name) => formatNumber(entry[name].median))]),
    },
  }
}

function ratio(what, figure) {
  const [ours, theirs] = [of('amorsize', MILLION)[figure].median, of('rate-limiter-flexible', MILLION)[figure].median]
  return atMost(
    `1 million keys, ${what} / rate-limiter-flexible memory`,
    ours / theirs,
    0.35,
    `${formatNumber(ours)} ns / ${formatNumber(theirs)} ns`,
  )
}

const ours = of('amorsize', MILLION)

await writeResults('keyed', {
  title: 'A limit for every key',
  notes: [
    `${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'}, every case in every round in a process of its own, the rounds in turn, every other one backwards; medians over the rounds. ` +
      'Keys are addresses as strings. First each key comes once (new), then the same keys in a random order (known), then 300,000 keys that come once (flood). Every call is allowed; the awaited limiter is awaited.',
    'Heap bytes are the growth of the used heap with all keys in the limiter, keys excluded, since the benchmark holds them; GC is milliseconds of collection per million calls. ' +
      'amorsize and lru-cache are made for as many keys as there are and forget others in a flood; the other two keep every key.',
  ],
  tables: SIZES.map(tableOf),
  readme: {
    title: 'A limit for each of a million keys',
    table: {
      columns: [
        { title: '', align: 'left' },
        { title: 'known key, ns', align: 'right' },
        { title: 'new key, ns', align: 'right' },
        { title: 'bytes per key', align: 'right' },
      ],
      rows: cases
        .filter(({ keys }) => keys === MILLION)
        .map((entry) => [
          entry.title,
          formatNumber(entry.hitNs.median),
          formatNumber(entry.missNs.median),
          formatNumber(entry.heapBytesPerKey.median + entry.outsideBytesPerKey.median),
        ]),
    },
  },
  charts: [
    {
      kind: 'bars',
      file: 'keyed',
      title: 'A decision about one of a million keys',
      axis: 'ns',
      logarithmic: true,
      bars: cases
        .filter(({ keys }) => keys === MILLION)
        .flatMap(({ title, subject, hitNs, missNs }) => [
          { name: `${title}, known key`, value: hitNs.median, ours: subject === 'amorsize' },
          { name: `${title}, new key`, value: missNs.median, ours: subject === 'amorsize' },
        ]),
    },
  ],
  targets: [
    ratio('known key', 'hitNs'),
    ratio('new key', 'missNs'),
    ratio('flood', 'floodNs'),
    atMost(
      '1 million keys, bytes per key outside the heap',
      ours.outsideBytesPerKey.median,
      24,
      `${formatNumber(ours.outsideBytesPerKey.median)} bytes`,
      'bytes',
    ),
    atMost(
      '1 million keys, whole bytes per key in the heap',
      Math.max(0, Math.round(ours.heapBytesPerKey.median)),
      0,
      `${formatNumber(ours.heapBytesPerKey.median)} bytes`,
      'bytes',
    ),
  ],
  data: { rounds: ROUNDS, seconds: SECONDS, cases },
})
