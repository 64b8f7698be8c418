// What it costs to be watched: hot paths with exporters and without, a scrape, and the exporter beside the app.
import { summarize } from '../../dist/cli/statistics.js'
import { formatCount, formatNumber } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atMost } from '../support/targets.mjs'
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
const results = await runRounds(
  cases.map(({ subject, watchers }) =>
    programJob({
      id: idOf(subject, watchers),
      base: import.meta.url,
      file: 'case.mjs',
      args: [subject, watchers, SECONDS],
      flags: ['--expose-gc'],
    }),
  ),
  ROUNDS,
)
const paths = Object.entries(subjects).map(([subject, { call }]) => {
  const of = (watchers, field) => summarize(results.get(idOf(subject, watchers)).map((result) => result[field]))
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
  NAMES.map((names) =>
    programJob({
      id: `${names} names`,
      base: import.meta.url,
      file: 'exporter-case.mjs',
      args: [names, SCRAPES, WATCHED_SECONDS],
    }),
  ),
  EXPORTER_ROUNDS,
)
const exporters = NAMES.map((names) => {
  const measured = beside.get(`${names} names`)
  const of = (field) => summarize(measured.map((result) => result[field]))
  return { names, scrapeMs: of('scrapeMs'), bytes: of('bytes'), cpuShare: of('cpuShare') }
})
const exporterOf = (names) => exporters.find((each) => each.names === names)

const percent = (share) => `${formatNumber(100 * share)} %`
await writeResults('metrics', {
  title: 'Being watched',
  notes: [
    `Hot paths: measured as in "One decision", ${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'} of ${SECONDS} s, each in a process of its own. With exporters, prom-client, OpenTelemetry and the text ` +
      'format all know of the objects, and are asked before the measurement and four times a second between its batches. From the first scrape on breakers and timeouts record how long calls take: ' +
      'all of the first thousand of each second, then one in 61.',
    `The exporter beside the app: another process holds the names, eight of ten of them limiters. Shown is the median of ${SCRAPES} scrapes, from the request to the last byte, then what all threads of ` +
      `\`amorsize metrics\` computed in ${WATCHED_SECONDS} s with one scrape a second; ${EXPORTER_ROUNDS} ${EXPORTER_ROUNDS === 1 ? 'round' : 'rounds'}. Names that others have on the machine are read, too.`,
  ],
  tables: [
    {
      title: 'A call, ns',
      table: {
        columns: [
          { title: 'call', align: 'left' },
          { title: 'nobody looks', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'with exporters', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'ratio', align: 'right' },
          { title: 'heap bytes', align: 'right' },
        ],
        rows: paths.map(({ call, alone, watched, heapAlone, heapWatched }) => [
          `\`${call}\``,
          formatNumber(alone.median),
          `${formatNumber(alone.min)} to ${formatNumber(alone.max)}`,
          formatNumber(watched.median),
          `${formatNumber(watched.min)} to ${formatNumber(watched.max)}`,
          formatNumber(watched.median / alone.median),
          `${formatNumber(heapAlone.median)}, ${formatNumber(heapWatched.median)}`,
        ]),
      },
    },
    {
      title: '`amorsize metrics`',
      table: {
        columns: [
          { title: 'names', align: 'right' },
          { title: 'a scrape, ms', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'bytes', align: 'right' },
          { title: 'of a core, at one a second', align: 'right' },
        ],
        rows: exporters.map(({ names, scrapeMs, bytes, cpuShare }) => [
          formatCount(names),
          formatNumber(scrapeMs.median),
          `${formatNumber(scrapeMs.min)} to ${formatNumber(scrapeMs.max)}`,
          formatCount(bytes.median),
          percent(cpuShare.median),
        ]),
      },
    },
  ],
  targets: [
    ...paths.map(({ call, alone, watched }) =>
      atMost(
        `${call} with exporters / without`,
        watched.median / alone.median,
        NOISE,
        `${formatNumber(watched.median)} ns / ${formatNumber(alone.median)} ns`,
      ),
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
