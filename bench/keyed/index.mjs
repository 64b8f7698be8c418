// A limit for each of a thousand and of a million keys: time, memory and garbage.
import { quick, writeResults } from '../support/results.mjs'
import { rivalsWith } from '../support/rivals.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, formatNumber, inRounds, left, middle, right, section, summariesOf } from '../support/tables.mjs'
import { atMost, ratioAtMost } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.3 : 1
const SIZES = [1_000, 1_000_000]
const MILLION = SIZES[1]

/** What is measured, and its heading. */
const FIGURES = {
  missNs: 'new key, ns',
  hitNs: 'known key, ns',
  floodNs: 'flood, ns',
  heapBytesPerKey: 'heap bytes per key',
  outsideBytesPerKey: 'bytes outside',
  missGcMsPerMillion: 'GC new',
  hitGcMsPerMillion: 'GC known',
  floodGcMsPerMillion: 'GC flood',
}

const subjects = rivalsWith('keyed').map(({ name, title, keyed }) => ({ id: name, title: keyed.title ?? title }))
const plans = SIZES.flatMap((keys) =>
  subjects.map(({ id, title }) => ({ id: `${id}/${keys}`, subject: id, title, keys })),
)
const job = jobsBeside(import.meta.url)
const jobs = plans.map(({ id, subject, keys }) => job(id, 'case.mjs', [subject, keys, SECONDS], GC))
const results = await runRounds(jobs, ROUNDS)
const cases = plans.map((plan) => ({ ...plan, ...summariesOf(results.get(plan.id), Object.keys(FIGURES)) }))
const ofMillion = cases.filter(({ keys }) => keys === MILLION)
const [ours, theirs] = ['amorsize', 'rate-limiter-flexible'].map((name) =>
  ofMillion.find(({ subject }) => subject === name),
)

const sizeSection = (size) =>
  section(
    `${formatCount(size)} keys`,
    cases.filter(({ keys }) => keys === size),
    [
      left('', ({ title }) => title),
      ...Object.entries(FIGURES).map(([figure, heading]) => right(heading, (entry) => middle(entry[figure]))),
    ],
  )

const ratio = (what, figure) =>
  ratioAtMost(
    `1 million keys, ${what} / rate-limiter-flexible memory`,
    ours[figure].median,
    theirs[figure].median,
    0.35,
    ' ns',
  )

await writeResults('keyed', {
  title: 'A limit for every key',
  notes: [
    `${inRounds(ROUNDS)}, every case in every round in a process of its own, the rounds in turn, every other one backwards; medians over the rounds. ` +
      'Keys are addresses as strings. First each key comes once (new), then the same keys in a random order (known), then 300,000 keys that come once (flood). Every call is allowed; the awaited limiter is awaited.',
    'Heap bytes are the growth of the used heap with all keys in the limiter, keys excluded, since the benchmark holds them; GC is milliseconds of collection per million calls. ' +
      'amorsize and lru-cache are made for as many keys as there are and forget others in a flood; the other two keep every key.',
  ],
  tables: SIZES.map(sizeSection),
  readme: section('A limit for each of a million keys', ofMillion, [
    left('', ({ title }) => title),
    right('known key, ns', ({ hitNs }) => middle(hitNs)),
    right('new key, ns', ({ missNs }) => middle(missNs)),
    right('bytes per key', ({ heapBytesPerKey, outsideBytesPerKey }) =>
      formatNumber(heapBytesPerKey.median + outsideBytesPerKey.median),
    ),
  ]),
  charts: [
    {
      kind: 'bars',
      file: 'keyed',
      title: 'A decision about one of a million keys',
      axis: 'ns',
      logarithmic: true,
      bars: ofMillion.flatMap(({ title, subject, hitNs, missNs }) => [
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
