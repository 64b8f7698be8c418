// What execute without options loses over a series of calls, starting workers included, against the best schedule found by trying
// them all. Every schedule has processes of its own; times are divided by the loop's in the same process, so that how each process
// calibrates its items falls out.
import { availableParallelism } from 'node:os'
import { median } from '../../dist/cli/statistics.js'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, right, section } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'
import { loopMsOf, parseCell } from './cells.mjs'
import { cellLabel } from './labels.mjs'
import { schedules, shortList } from './schedules.mjs'

const LENGTHS = [1, 3, 10, 100]
const FIRST_CALLS = 10
/** Schedules of each length that are measured again. */
const SHORT_LIST = 2
const MOST_REGRET_PERCENT = { median: 5, worst: 15 }

const program = jobsBeside(import.meta.url)
const job = (id, schedule, calls, cell) => program(id, 'series-case.mjs', [JSON.stringify(schedule), calls, cell])

export async function measureSeries(cells, { seriesProcesses, seriesMostMs }) {
  const found = []
  for (const cell of cells) found.push(await measureCell(cell, seriesProcesses, seriesMostMs))
  return found
}

async function measureCell(cell, processes, mostMs) {
  const { name, count } = parseCell(cell)
  const lengths = LENGTHS.filter((length) => length <= FIRST_CALLS || length * loopMsOf(parseCell(cell)) <= mostMs)
  const tried = schedules(count, availableParallelism()).map(({ name, options }) => ({
    name,
    options: options ?? 'loop',
  }))
  const trials = await timesOf(tried, FIRST_CALLS, 1, name)
  const chosen = new Set(
    lengths.flatMap((length) => {
      const ranked = trials.map((trial) => ({ ...trial, ms: expected(trial, length) }))
      return shortList(ranked, SHORT_LIST).map(({ name }) => name)
    }),
  )
  const own = { name: 'execute', options: 'execute' }
  const finalists = [own, ...tried.filter(({ name }) => chosen.has(name))]
  const [ours, ...others] = await timesOf(finalists, lengths.at(-1), processes, name)
  const series = lengths.map((length) => {
    const best = others.reduce((a, b) => (b.sums[length - 1] < a.sums[length - 1] ? b : a))
    const [mine, least] = [ours.sums[length - 1], best.sums[length - 1]]
    return { length, loops: mine, best: best.name, bestLoops: least, regret: Math.max(0, mine / least - 1) }
  })
  return { cell: name, loopMs: ours.loopMs, series }
}

/** What a series would take: as measured, and on and on as the last of its calls. */
function expected({ sums }, length) {
  if (length <= sums.length) return sums[length - 1]
  const last = sums.at(-1)
  return last + ((length - sums.length) * (last - sums[Math.floor(sums.length / 2)])) / (sums.length / 2)
}

/** The sums of each schedule in loops of its process, medians over the processes. */
async function timesOf(tried, calls, processes, cell) {
  const idOf = ({ name }) => `series ${cell}: ${name}`
  const measured = await runRounds(
    tried.map((each) => job(idOf(each), each.options, calls, cell)),
    processes,
  )
  return tried.map((each) => {
    const rounds = measured.get(idOf(each))
    const sums = rounds[0].sums.map((_, i) => median(rounds.map(({ sums, loopMs }) => sums[i] / loopMs)))
    return { ...each, sums, loopMs: median(rounds.map(({ loopMs }) => loopMs)) }
  })
}

export function seriesTables(found) {
  const rows = found.flatMap(({ cell, loopMs, series }) => series.map((each) => ({ cell, loopMs, ...each })))
  return [
    section('a series of calls, workers started in it: time of execute over that of the best schedule', rows, [
      left('cell', ({ cell }) => cellLabel(parseCell(cell))),
      right('loop, ms', ({ loopMs }) => formatNumber(loopMs)),
      right('calls', ({ length }) => String(length)),
      right('execute, in loops', ({ loops }) => formatNumber(loops)),
      right('the best, in loops', ({ bestLoops }) => formatNumber(bestLoops)),
      right('regret, %', ({ regret }) => (regret * 100).toFixed(1)),
      left('the best was', ({ best }) => best),
    ]),
  ]
}

export function seriesTargets(found) {
  return LENGTHS.flatMap((length) => {
    const cells = found.flatMap(({ cell, series }) =>
      series.filter((each) => each.length === length).map(({ regret }) => ({ cell, percent: regret * 100 })),
    )
    if (cells.length === 0) return []
    const worst = cells.reduce((a, b) => (b.percent > a.percent ? b : a))
    const what = `regret over a series of ${length}`
    const values = cells.map(({ percent }) => percent)
    return [
      atMost(`${what}, median`, median(values), MOST_REGRET_PERCENT.median, `${cells.length} cells`, '%'),
      atMost(`${what}, worst`, worst.percent, MOST_REGRET_PERCENT.worst, worst.cell, '%'),
    ]
  })
}
