// Streams: stream(task, source) without options beside the loop and the packages that take items as they come, each tuned by hand.
import { rivalsWith } from '../support/rivals.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, right, section, summariesOf } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'
import { sources } from './stream-sources.mjs'

const OURS = 'amorsize'
const LOOP = 'loop'
const CASES = [
  { source: 'file', task: 'parse', title: 'JSON.parse', count: 100_000 },
  { source: 'file', task: 'sign', title: 'some 50 µs', count: 8000 },
  { source: 'file', task: 'derive', title: 'some ms', count: 300 },
  { source: 'file', task: 'look', title: 'waits 5 ms', count: 3000, isWaiting: true },
  { source: 'generator', task: 'sign', title: 'some 50 µs', count: 8000 },
  { source: 'async-generator', task: 'sign', title: 'some 50 µs', count: 8000 },
  { source: 'async-generator', task: 'look', title: 'waits 5 ms', count: 3000, isWaiting: true },
]
const LATER_CALLS = 3
/** stream learns from its first runs; the others have been tuned. */
const WARM_UPS = 2

/** Who runs a case. Where items wait, those that run one after another are no rivals. */
function contenders({ isWaiting = false }) {
  return [
    ...(isWaiting ? [] : [{ name: LOOP, level: 0 }]),
    ...rivalsWith('stream')
      .filter(({ stream }) => !isWaiting || stream.overlaps)
      .flatMap(({ name, stream }) => stream.levels.map((level) => ({ name, level }))),
  ]
}

export async function measureStream({ streamRounds, streamShare, streamCases = CASES.length }) {
  const cases = CASES.slice(0, streamCases).map((one) => ({ ...one, count: Math.round(one.count * streamShare) }))
  const idOf = ({ source, task }, { name, level }) => `stream of ${source}, ${task}: ${name} ${level}`
  const job = jobsBeside(import.meta.url)
  const jobs = cases.flatMap((one) =>
    contenders(one).map((each) => {
      const args = [one.source, one.task, one.count, each.name, each.level, LATER_CALLS, WARM_UPS]
      return job(idOf(one, each), 'stream-case.mjs', args)
    }),
  )
  const measured = await runRounds(jobs, streamRounds)
  return cases.map((one) => {
    const found = contenders(one).map((each) => ({
      ...each,
      ...summariesOf(measured.get(idOf(one, each)), ['firstMs', 'laterMs', 'peakMb']),
    }))
    // Tuned by hand: of each package the level that is fastest later.
    const names = [...new Set(found.map(({ name }) => name))]
    const best = names.map((name) =>
      found.filter((each) => each.name === name).reduce((a, b) => (b.laterMs.median < a.laterMs.median ? b : a)),
    )
    return { ...one, contenders: Object.fromEntries(best.map(({ name, ...figures }) => [name, figures])) }
  })
}

const others = ({ contenders }) => Object.entries(contenders).filter(([name]) => name !== OURS)
const bestOf = (one, field) => Math.min(...others(one).map(([, figures]) => figures[field].median))
const oursOf = ({ contenders }, field) => contenders[OURS][field].median
const titleOf = ({ source, title, count }) => `${sources[source].title}, ${title} × ${count.toLocaleString('en-US')}`

export function streamTables(found) {
  const names = [...new Set(found.flatMap(({ contenders }) => Object.keys(contenders)))]
  const table = (title, field, formatted) =>
    section(title, found, [
      left('items', titleOf),
      ...names.map((name) =>
        right(name, ({ contenders }) => (contenders[name] ? formatted(contenders[name][field].median) : '')),
      ),
      right('amorsize / the best of the others', (one) => (oursOf(one, field) / bestOf(one, field)).toFixed(2)),
    ])
  return [
    table('streams, later calls, ms', 'laterMs', formatNumber),
    table('streams, first call of a process, ms', 'firstMs', formatNumber),
    table('streams, most memory of the process, MB', 'peakMb', (mb) => Math.round(mb).toString()),
  ]
}

export function streamTargets(found) {
  const over = (one, field) => oursOf(one, field) / bestOf(one, field)
  const worstOf = (field) => found.reduce((a, b) => (over(b, field) > over(a, field) ? b : a))
  return [
    ['later calls', 'laterMs'],
    ['first call', 'firstMs'],
  ].map(([what, field]) => {
    const worst = worstOf(field)
    return atMost(
      `streams, ${what}: amorsize / the best of the others, worst of ${found.length}`,
      over(worst, field),
      1.05,
      `${titleOf(worst)}: ${formatNumber(oursOf(worst, field))} ms / ${formatNumber(bestOf(worst, field))} ms`,
    )
  })
}
