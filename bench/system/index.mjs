// Detection of cores and memory: how long an answer takes, and how many are right.
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, inRounds, left, middle, right, section, spread, summaryOf } from '../support/tables.mjs'
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

const job = jobsBeside(import.meta.url)
const jobs = subjects.map(({ id }) => job(id, 'time-case.mjs', [id]))
const measured = await runRounds(jobs, ROUNDS)
const times = subjects.map(({ id, call }) => ({ id, call, us: summaryOf(measured.get(id), 'us') }))
const ours = times.find(({ id }) => id === 'amorsize')

const reason = whyNot()
const trees = reason === null ? score(quick ? 8 : 1) : []

const timeTable = section('Time', times, [
  left('', ({ id }) => id),
  left('call', ({ call }) => `\`${call}\``),
  ...spread('µs', ({ us }) => us),
  right('x amorsize', ({ us }) => formatNumber(us.median / ours.us.median)),
])

/** "9 of 12", over the trees in which the fact was asked for; a dash where the subject never answers. */
function cell(id, facts) {
  const asked = trees.flatMap(({ results }) => facts.flatMap((fact) => results[id][fact] ?? []))
  if (!asked.some(({ given }) => given)) return '–'
  return `${asked.filter(({ right }) => right).length} of ${asked.length}`
}

const scoreTable = section('Right answers', subjects, [
  left('right answers', ({ id }) => id),
  ...FACTS.map((fact) => right(FACT_TITLES[fact], ({ id }) => cell(id, [fact]))),
  right('all', ({ id }) => cell(id, FACTS)),
])

const wrong = trees.flatMap(({ tree, results }) =>
  Object.entries(results.amorsize)
    .filter(([, { right }]) => !right)
    .map(([fact]) => `${tree}: ${fact}`),
)
const asked = trees.reduce((sum, { right }) => sum + Object.keys(right).length, 0)

await writeResults('system', {
  title: 'Detection of cores and memory',
  notes: [
    `Times are medians of single calls, ${inRounds(ROUNDS)}, each subject in a process of its own. systemInfo() answers all ` +
      'of the questions and more; the others answer those in which they have an entry below.',
    reason === null
      ? `Right answers: ${trees.length} trees of known machines are mounted over /proc and /sys, with the further files that a real machine has. A number within 1 % is right, and for threads so is either ` +
        'rounding of a fractional quota. The affinity mask is that of this machine, so physical cores are those online.'
      : `Right answers were not counted: ${reason}.`,
  ],
  tables: [timeTable, ...(reason === null ? [scoreTable] : [])],
  targets: [
    atMost('systemInfo()', ours.us.median, 200, `${middle(ours.us)} µs`, 'µs'),
    ...(reason === null
      ? [atMost('wrong answers of systemInfo()', wrong.length, 0, wrong.join(', ') || `${asked} asked`, '')]
      : []),
  ],
  data: { rounds: ROUNDS, times, wrong },
})
