// What it costs to be watched: hot paths with exporters and without, a scrape, and the exporter beside the app.
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import {
  formatCount,
  formatNumber,
  inRounds,
  left,
  middle,
  right,
  section,
  spread,
  summariesOf,
  summaryOf,
} from '../support/tables.mjs'
import { atMost, ratioAtMost } from '../support/targets.mjs'
import { subjects, WATCHERS } from './subjects.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.25
const EXPORTER_ROUNDS = quick ? 1 : 3
const SCRAPES = quick ? 10 : 40
const WATCHED_SECONDS = quick ? 2 : 5
const NAMES = [100, 1000]
/** Where a program stands that has a dozen services behind it. */
const USUAL_NAMES = 100
/** What one run differs from the next. */
const NOISE = 1.05

const idOf = (subject, watchers) => `${subject}, ${watchers}`
const cases = Object.keys(subjects).flatMap((subject) =>
  Object.keys(WATCHERS).map((watchers) => ({ subject, watchers })),
)
const job = jobsBeside(import.meta.url)
const results = await runRounds(
  cases.map(({ subject, watchers }) => job(idOf(subject, watchers), 'case.mjs', [subject, watchers, SECONDS], GC)),
  ROUNDS,
)
const paths = Object.entries(subjects).map(([subject, { call }]) => {
  const of = (watchers, field) => summaryOf(results.get(idOf(subject, watchers)), field)
  return {
    subject,
    call,
    alone: of('none', 'nsPerCall'),
    watched: of('exporters', 'nsPerCall'),
    heapAlone: of('none', 'heapBytesPerCall'),
    heapWatched: of('exporters', 'heapBytesPerCall'),
  }
})

const beside = await runRounds(
  NAMES.map((names) => job(`${names} names`, 'exporter-case.mjs', [names, SCRAPES, WATCHED_SECONDS])),
  EXPORTER_ROUNDS,
)
const exporters = NAMES.map((names) => ({
  names,
  ...summariesOf(beside.get(`${names} names`), ['scrapeMs', 'bytes', 'cpuShare']),
}))
const exporterOf = (names) => exporters.find((each) => each.names === names)

await writeResults('metrics', {
  title: 'Being watched',
  notes: [
    `Hot paths: measured as in "One decision", ${inRounds(ROUNDS)} of ${SECONDS} s, each in a process of its own. With exporters, prom-client, OpenTelemetry and the text ` +
      'format all know of the objects, and are asked before the measurement and four times a second between its batches. From the first scrape on breakers and timeouts record how long calls take: ' +
      'all of the first thousand of each second, then one in 61.',
    `The exporter beside the app: another process holds the names, eight of ten of them limiters. Shown is the median of ${SCRAPES} scrapes, from the request to the last byte, then what all threads of ` +
      `\`amorsize metrics\` computed in ${WATCHED_SECONDS} s with one scrape a second; ${inRounds(EXPORTER_ROUNDS)}. Names that others have on the machine are read, too.`,
  ],
  tables: [
    section('A call, ns', paths, [
      left('call', ({ call }) => `\`${call}\``),
      ...spread('nobody looks', ({ alone }) => alone),
      ...spread('with exporters', ({ watched }) => watched),
      right('ratio', ({ watched, alone }) => formatNumber(watched.median / alone.median)),
      right('heap bytes', ({ heapAlone, heapWatched }) => `${middle(heapAlone)}, ${middle(heapWatched)}`),
    ]),
    section('`amorsize metrics`', exporters, [
      right('names', ({ names }) => formatCount(names)),
      ...spread('a scrape, ms', ({ scrapeMs }) => scrapeMs),
      right('bytes', ({ bytes }) => formatCount(bytes.median)),
      right('of a core, at one a second', ({ cpuShare }) => `${formatNumber(100 * cpuShare.median)} %`),
    ]),
  ],
  targets: [
    ...paths.map(({ call, alone, watched }) =>
      ratioAtMost(`${call} with exporters / without`, watched.median, alone.median, NOISE, ' ns'),
    ),
    atMost('a scrape of 1,000 names', exporterOf(1000).scrapeMs.median, 20, 'amorsize metrics', 'ms'),
    atMost(
      `amorsize metrics, ${USUAL_NAMES} names, a scrape per second`,
      100 * exporterOf(USUAL_NAMES).cpuShare.median,
      1,
      `${WATCHED_SECONDS} s`,
      '% of a core',
    ),
  ],
  data: { rounds: ROUNDS, seconds: SECONDS, paths, exporters },
})
