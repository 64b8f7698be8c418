// Items that wait, in worker threads that were asked for: execute with mode 'threads' beside piscina with so many tasks at once in each
// thread, and p-map, which has them all in this thread; the best of some levels each.
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { rivalNamed } from '../support/rivals.mjs'
import { formatNumber, left, middle, right, section, summariesOf } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'
import { shapes } from './in-workers-shapes.mjs'

const OURS = ['amorsize', 'amorsize, a retry']
const THREADS = 'piscina'
const HERE = 'p-map'
const LEVELS_HERE = [64, 256]
const LATER_CALLS = 2
const FIELDS = ['firstMs', 'laterMs', 'peakMb']

const contenders = [
  ...OURS.map((name) => ({ name, level: 0 })),
  ...rivalNamed(THREADS).inFlight.levels.map((level) => ({ name: THREADS, level })),
  ...LEVELS_HERE.map((level) => ({ name: HERE, level })),
]

export async function measureInWorkers({ inWorkersRounds, inWorkersShapes = Object.keys(shapes) }) {
  const idOf = (shape, { name, level }) => `in workers, ${shape}: ${name}${level === 0 ? '' : ` ${level}`}`
  const job = jobsBeside(import.meta.url)
  const jobs = inWorkersShapes.flatMap((shape) =>
    contenders.map((each) =>
      job(idOf(shape, each), 'in-workers-case.mjs', [shape, each.name, each.level, LATER_CALLS]),
    ),
  )
  const measured = await runRounds(jobs, inWorkersRounds)
  return inWorkersShapes.map((shape) => {
    const best = {}
    for (const each of contenders) {
      const found = { level: each.level, ...summariesOf(measured.get(idOf(shape, each)), FIELDS) }
      if (found.laterMs.median < (best[each.name]?.laterMs.median ?? Infinity)) best[each.name] = found
    }
    return { shape, title: shapes[shape].title, count: shapes[shape].items.length, contenders: best }
  })
}

export function inWorkersTables(found) {
  const names = [...OURS, THREADS, HERE]
  const table = (title, field) =>
    section(title, found, [
      left('items', ({ title, count }) => `${title} × ${count.toLocaleString('en-US')}`),
      ...names.map((name) => right(name, ({ contenders }) => middle(contenders[name][field]))),
    ])
  return [
    table("items that wait, mode: 'threads', later calls, ms", 'laterMs'),
    table("items that wait, mode: 'threads', first call of a process, ms", 'firstMs'),
    table("items that wait, mode: 'threads', most memory of the process, MB", 'peakMb'),
  ]
}

export function inWorkersTargets(found) {
  return OURS.map((name) => {
    const over = ({ contenders }) => contenders[name].laterMs.median / contenders[THREADS].laterMs.median
    const worst = found.reduce((a, b) => (over(b) > over(a) ? b : a))
    const { [name]: ours, [THREADS]: theirs } = worst.contenders
    return atMost(
      `items that wait, mode: 'threads', later calls: ${name} / ${THREADS} tuned by hand, worst of ${found.length}`,
      over(worst),
      1.1,
      `${worst.title}: ${formatNumber(ours.laterMs.median)} ms / ${formatNumber(theirs.laterMs.median)} ms`,
    )
  })
}
