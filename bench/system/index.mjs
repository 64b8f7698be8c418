// Detection of cores and memory: how long an answer takes, and how many are right.
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atMost } from '../support/targets.mjs'
import { FACTS, score, whyNot } from './score.mjs'
import { subjects } from './subjects.mjs'

const ROUNDS = quick ? 1 : 5
const FACT_TITLES = {
  limitBytes: 'memory limit',
  availableBytes: 'available memory',
  parallelism: 'threads',
  physicalCores: 'physical cores',
}

const jobs = subjects.map(({ id }) => programJob({ id, base: import.meta.url, file: 'time-case.mjs', args: [id] }))
const measured = await runRounds(jobs, ROUNDS)
const times = subjects.map(({ id, call }) => ({ id, call, us: summarize(measured.get(id).map(({ us }) => us)) }))
const ours = times.find(({ id }) => id === 'amorsize')

const reason = whyNot()
const trees = reason === null ? score(quick ? 8 : 1) : []

const timeTable = {
  columns: [
    { title: '', align: 'left' },
    { title: 'call', align: 'left' },
    { title: 'µs', align: 'right' },
    { title: 'lowest to highest', align: 'right' },
    { title: 'x amorsize', align: 'right' },
  ],
  rows: times.map(({ id, call, us }) => [
    id,
    `\`${call}\``,
    formatNumber(us.median),
    `${formatNumber(us.min)} to ${formatNumber(us.max)}`,
    formatNumber(us.median / ours.us.median),
  ]),
}

/** "9 of 12", over the trees in which the fact was asked for; a dash where the subject never answers. */
function cell(id, facts) {
  const asked = trees.flatMap(({ results }) => facts.flatMap((fact) => results[id][fact] ?? []))
  if (!asked.some(({ given }) => given)) return '–'
  return `${asked.filter(({ right }) => right).length} of ${asked.length}`
}

const scoreTable = {
  columns: [
    { title: 'right answers', align: 'left' },
    ...[...Object.values(FACT_TITLES), 'all'].map((title) => ({ title, align: 'right' })),
  ],
  rows: subjects.map(({ id }) => [id, ...FACTS.map((fact) => cell(id, [fact])), cell(id, FACTS)]),
}

const wrong = trees.flatMap(({ tree, results }) =>
  Object.entries(results.amorsize)
    .filter(([, { right }]) => !right)
    .map(([fact]) => `${tree}: ${fact}`),
)
const asked = trees.reduce((sum, { right }) => sum + Object.keys(right).length, 0)

await writeResults('system', {
  title: 'Detection of cores and memory',
  notes: [
    `Times are medians of single calls, ${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'}, each subject in a process of its own. systemInfo() answers all ` +
      'of the questions and more; the others answer those in which they have an entry below.',
    reason === null
      ? `Right answers: ${trees.length} trees of known machines are mounted over /proc and /sys, with the further files that a real machine has. A number within 1 % is right, and for threads so is either ` +
        'rounding of a fractional quota. The affinity mask is that of this machine, so physical cores are those online.'
      : `Right answers were not counted: ${reason}.`,
  ],
  tables: [
    { title: 'Time', table: timeTable },
    ...(reason === null ? [{ title: 'Right answers', table: scoreTable }] : []),
  ],
  targets: [
    atMost('systemInfo()', ours.us.median, 200, `${formatNumber(ours.us.median)} µs`, 'µs'),
    ...(reason === null
      ? [atMost('wrong answers of systemInfo()', wrong.length, 0, wrong.join(', ') || `${asked} asked`, '')]
      : []),
  ],
  data: { rounds: ROUNDS, times, wrong },
})
