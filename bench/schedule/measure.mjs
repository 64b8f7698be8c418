// Runs the parts of the group: which processes there are for which cells, and what their answers come to.
import { summarize } from '../../dist/cli/statistics.js'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { summariesOf, summaryOf } from '../support/tables.mjs'
import { inProcesses } from './cells.mjs'
import { contenders, FLOOR } from './contenders.mjs'
import { lowest } from './report.mjs'
import { isJudged } from './verdict.mjs'

const ORDERS = ['loop', 'contender']

const program = jobsBeside(import.meta.url)
const job = (id, file, args) => program(id, file, args, GC)

/** The first call of a process: each cell in processes of its own, in both orders. */
export async function measureCold(cells, { coldRounds }) {
  const measured = await measureColdly('amorsize', cells, coldRounds)
  return withFloor(measured, 'cold', (cells) => measureColdly(FLOOR, cells, coldRounds))
}

async function measureColdly(contender, cells, coldRounds) {
  const idOf = ({ name }, first) => `cold ${name}, ${contender}, ${first} first`
  const jobs = cells.flatMap((cell) =>
    ORDERS.map((first) => job(idOf(cell, first), 'cold-case.mjs', [contender, first, cell.name])),
  )
  const measured = await runRounds(jobs, coldRounds)
  return cells.map((cell) => {
    const [loopFirst, contenderFirst] = ORDERS.map((first) => measured.get(idOf(cell, first)))
    // A pair of both orders makes one ratio: what the first leaves to the second falls out.
    const ratios = loopFirst.map(({ ratio }, round) => Math.sqrt(ratio * contenderFirst[round].ratio))
    return { ...cell, ratio: summarize(ratios), ...summariesOf([...loopFirst, ...contenderFirst], ['loopMs', 'ms']) }
  })
}

/** Later calls: cells of one payload and time in one process. */
export async function measureWarm(cells, { warmRounds, warmBudgetMs }) {
  const measured = await measureContender('amorsize', inProcesses(cells), warmRounds, warmBudgetMs)
  return withFloor(measured, 'warm', (cells) => measureContender(FLOOR, inProcesses(cells), warmRounds, warmBudgetMs))
}

/** Adds to the cells where execute does worst how an async function around the loop does there. */
async function withFloor(cells, situation, measure) {
  const floors = new Map(
    (await measure(lowest(cells, situation).filter(isJudged))).map(({ name, ratio }) => [name, ratio.median]),
  )
  return cells.map((cell) => (floors.has(cell.name) ? { ...cell, floor: floors.get(cell.name) } : cell))
}

/** Every contender on each cell, each in processes of its own. */
export async function measureRivals(cells, { rivalRounds, rivalBudgetMs }) {
  const groups = cells.map((cell) => ({ key: cell.name, members: [cell] }))
  const jobs = Object.keys(contenders).flatMap((contender) => warmJobs(contender, groups, rivalBudgetMs))
  const measured = await runRounds(jobs, rivalRounds)
  return cells.map((cell) => ({
    ...cell,
    contenders: Object.keys(contenders).map((contender) => {
      const rounds = measured.get(warmId(contender, cell.name)).flat()
      return {
        contender,
        title: contenders[contender].title,
        ...timesOf(rounds),
        how: rounds.map(({ how }) => how).filter((how) => how !== undefined),
      }
    }),
  }))
}

/** How far estimates are off, for the first plan of a process and for later ones. */
export async function measurePrediction(cells, { predictionRounds }) {
  const plans = cells.flatMap((cell) => ['cold', 'warm'].map((situation) => ({ ...cell, situation })))
  const idOf = ({ situation, name }) => `prediction ${name}, ${situation}`
  const measured = await runRounds(
    plans.map((plan) => job(idOf(plan), 'prediction-case.mjs', [plan.situation, plan.name])),
    predictionRounds,
  )
  return plans.map((plan) => {
    const rounds = measured.get(idOf(plan))
    const of = (field) => summaryOf(rounds, field).median
    const { mode, workers } = rounds.at(-1)
    const [estimated, speedup] = [of('estimated'), of('speedup')]
    return { ...plan, mode, workers, estimated, speedup, error: Math.abs(estimated - speedup) / speedup }
  })
}

async function measureContender(contender, groups, rounds, budgetMs) {
  const measured = await runRounds(warmJobs(contender, groups, budgetMs), rounds)
  return groups.flatMap(({ key, members }) =>
    members.map((cell, i) => {
      const ofCell = measured.get(warmId(contender, key)).map((cells) => cells[i])
      return { ...cell, ...timesOf(ofCell) }
    }),
  )
}

const warmId = (contender, key) => `warm ${key}, ${contender}`

function warmJobs(contender, groups, budgetMs) {
  return groups.map(({ key, members }) =>
    job(warmId(contender, key), 'warm-case.mjs', [contender, budgetMs, ...members.map(({ name }) => name)]),
  )
}

const timesOf = (rounds) => summariesOf(rounds, ['ratio', 'loopMs', 'ms'])
