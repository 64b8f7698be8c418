// Items that wait: execute without options beside the packages that run a fixed number of items at once.
import { rivalsWith } from '../support/rivals.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, middle, right, section, summaryOf } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'
import { shapes } from './waiting-shapes.mjs'

const OURS = 'amorsize'
const RIVAL = 'p-map'
const LEVELS = [16, 64, 256]
/** The level at which every other package is shown once. */
const USUAL = 64
const MANY = 10_000

/** Who runs a shape, and in how many rounds: those that are far off, or stand for others, once. */
function contenders(shape, rounds) {
  const others = rivalsWith('items').filter(({ name }) => name !== OURS && name !== RIVAL)
  return [
    { id: OURS, rival: OURS, limit: 0, rounds, later: 2 },
    ...LEVELS.map((limit) => ({
      id: `${RIVAL} ${limit}`,
      rival: RIVAL,
      limit,
      rounds: limit === 16 ? 1 : rounds,
      later: limit === 16 ? 0 : 2,
    })),
    ...(shapes[shape].count < MANY
      ? others.map(({ name }) => ({ id: `${name} ${USUAL}`, rival: name, limit: USUAL, rounds: 1, later: 0 }))
      : []),
  ].filter(({ limit }) => limit !== 16 || shapes[shape].count < MANY)
}

export async function measureWaiting({ waitingRounds, waitingItems, waitingShapes = Object.keys(shapes) }) {
  const roundsOf = (shape) => waitingRounds * (shapes[shape].timesRounds ?? 1)
  const plans = waitingShapes.flatMap((shape) => contenders(shape, roundsOf(shape)).map((each) => ({ ...each, shape })))
  const idOf = ({ shape, id }) => `waiting ${shape}: ${id}`
  const job = jobsBeside(import.meta.url)
  const results = new Map(plans.map((plan) => [idOf(plan), []]))
  for (let round = 0; plans.some(({ rounds }) => round < rounds); round++) {
    const jobs = plans
      .filter(({ rounds }) => round < rounds)
      .map((plan) => {
        const args = [plan.shape, plan.rival, plan.limit, plan.later, ...(waitingItems ? [waitingItems] : [])]
        return job(idOf(plan), 'waiting-case.mjs', args)
      })
    for (const [id, [found]] of await runRounds(round % 2 === 0 ? jobs : jobs.reverse(), 1)) results.get(id).push(found)
  }
  return waitingShapes.map((shape) => ({
    shape,
    title: shapes[shape].title,
    count: waitingItems ?? shapes[shape].count,
    contenders: Object.fromEntries(
      plans
        .filter((plan) => plan.shape === shape)
        .map((plan) => {
          const found = results.get(idOf(plan))
          const of = (field) => summaryOf(found, field)
          return [
            plan.id,
            {
              firstMs: of('firstMs'),
              // A package that keeps nothing between calls is as fast in each.
              laterMs: found[0].laterMs === null ? of('firstMs') : of('laterMs'),
              peakMb: of('peakMb'),
            },
          ]
        }),
    ),
  }))
}

const fixed = ({ contenders }, field) =>
  LEVELS.flatMap((level) => contenders[`${RIVAL} ${level}`]?.[field].median ?? [])
const bestOf = (found, field) => Math.min(...fixed(found, field))
const oursOf = ({ contenders }, field) => contenders[OURS][field].median
const at64 = ({ contenders }, field) => contenders[`${RIVAL} ${USUAL}`][field].median

export function waitingTables(found) {
  const names = [...new Set(found.flatMap(({ contenders }) => Object.keys(contenders)))]
  const table = (title, field) =>
    section(title, found, [
      left('items', ({ title, count }) => `${title} × ${count.toLocaleString('en-US')}`),
      ...names.map((name) =>
        right(name, ({ contenders }) => (contenders[name] ? middle(contenders[name][field]) : '')),
      ),
      right(`amorsize / ${RIVAL} 64`, (each) => (oursOf(each, field) / at64(each, field)).toFixed(2)),
      right(`amorsize / the best ${RIVAL}`, (each) => (oursOf(each, field) / bestOf(each, field)).toFixed(2)),
    ])
  return [
    table('items that wait, first call of a process, ms', 'firstMs'),
    table('items that wait, later calls, ms', 'laterMs'),
    table('items that wait, most memory of the process, MB', 'peakMb'),
  ]
}

export function waitingTargets(found) {
  const worst = (what, field, otherOf, limit, cells = found) => {
    const ratioOf = (each) => oursOf(each, field) / otherOf(each, field)
    const each = cells.reduce((a, b) => (ratioOf(b) > ratioOf(a) ? b : a))
    return atMost(
      `items that wait, ${what}`,
      ratioOf(each),
      limit,
      `${each.title}: ${formatNumber(oursOf(each, field))}`,
    )
  }
  const many = found.filter(({ count }) => count >= MANY)
  return [
    worst(`first call / ${RIVAL}(64), worst of ${found.length}`, 'firstMs', at64, 1.1),
    ...(many.length === 0
      ? []
      : [worst(`${MANY} items, first call / the best ${RIVAL}`, 'firstMs', bestOf, 1.1, many)]),
    worst(`later calls / the best ${RIVAL}, worst`, 'laterMs', bestOf, 1.1),
    worst(`memory / ${RIVAL}(64), worst`, 'peakMb', at64, 1.5),
  ]
}
