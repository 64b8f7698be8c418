// Real tasks: execute without options beside the loop, piscina tuned by hand and p-map tuned by hand; also on a machine of which
// another process keeps one core busy.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { summarize } from '../../dist/cli/statistics.js'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, middle, right, section, summaryOf } from '../support/tables.mjs'
import { atLeast, atMost } from '../support/targets.mjs'
import { workloads } from './real-workloads.mjs'

const CONTENDERS = ['loop', 'execute', 'piscina', 'p-map']
const RIVALS = CONTENDERS.filter((name) => name !== 'execute')
const BUSY_TASKS = ['gzip', 'weigh', 'json', 'markdown']

const program = jobsBeside(import.meta.url)
const job = (id, args) => program(id, 'real-case.mjs', args)

export async function measureReal(effort) {
  const { realProcesses, realShare, realTasks = Object.keys(workloads) } = effort
  const found = await measureTogether(realTasks, effort, 'real')
  const ownId = (name, contender) => `real ${name}, ${contender} alone`
  const jobs = found.flatMap(({ name, choices }) =>
    CONTENDERS.map((contender) =>
      job(ownId(name, contender), ['own', name, contender, JSON.stringify(choices[contender]), realShare]),
    ),
  )
  const alone = await runRounds(jobs, realProcesses)
  return found.map((each) => {
    const of = (field) =>
      Object.fromEntries(
        CONTENDERS.map((contender) => [contender, summaryOf(alone.get(ownId(each.name, contender)), field)]),
      )
    return { ...each, firstMs: of('firstMs'), peakMb: of('peakMb') }
  })
}

/** The same beside a process that keeps one core busy. */
export async function measureBusy(effort) {
  return besideBusy(() => measureTogether(effort.busyTasks ?? BUSY_TASKS, effort, 'busy'))
}

/** Does `work` while another process keeps one core busy. */
async function besideBusy(work) {
  const busy = fork(fileURLToPath(new URL('busy-loop.mjs', import.meta.url)))
  try {
    return await work()
  } finally {
    busy.kill()
  }
}

async function measureTogether(names, { realProcesses, realRounds, realShare }, kind) {
  const found = []
  for (const name of names) {
    const tuning = `${kind} ${name}, tuned`
    const [choices] = (await runRounds([job(tuning, ['tune', name, realShare])], 1)).get(tuning)
    const id = `${kind} ${name}, together`
    const args = ['together', name, JSON.stringify(choices), realShare, realRounds]
    const processes = (await runRounds([job(id, args)], realProcesses)).get(id)
    const laterMs = Object.fromEntries(
      CONTENDERS.map((contender) => [contender, summarize(processes.map((one) => one[contender]))]),
    )
    found.push({ name, title: workloads[name].title, choices, laterMs })
  }
  return found
}

const speedUp = (times, contender) => times.loop.median / times[contender].median
const best = (figures) => Math.min(...RIVALS.map((name) => figures[name].median))

export function realTables(found) {
  return [
    speedTable('real tasks, later calls: speed-up over the loop', found, 'laterMs'),
    speedTable('real tasks, first call of a process: speed-up over the loop', found, 'firstMs'),
    section('real tasks, most memory of the process, MB', found, [
      left('task', ({ title }) => title),
      ...CONTENDERS.map((name) => right(name, ({ peakMb }) => Math.round(peakMb[name].median).toString())),
    ]),
  ]
}

export const busyTables = (found) => [
  speedTable(
    'real tasks, later calls beside a process that keeps one core busy: speed-up over the loop',
    found,
    'laterMs',
  ),
]

function speedTable(title, found, field) {
  return section(title, found, [
    left('task', (each) => each.title),
    right('loop, ms', (each) => middle(each[field].loop)),
    ...CONTENDERS.filter((name) => name !== 'loop').map((name) =>
      right(name, (each) => speedUp(each[field], name).toFixed(2)),
    ),
    right('execute / the best of the others', (each) => (each[field].execute.median / best(each[field])).toFixed(2)),
  ])
}

export function realTargets(found) {
  const worst = (valueOf) => found.reduce((a, b) => (valueOf(b) > valueOf(a) ? b : a))
  const over = (each) => each.laterMs.execute.median / best(each.laterMs)
  const slowest = worst(over)
  // At most 5 % or 3 ms: what is lost beyond, as a share of what may be lost.
  const lostShare = ({ firstMs: { loop, execute } }) => (execute.median - loop.median) / Math.max(0.05 * loop.median, 3)
  const first = worst(lostShare)
  // The least memory among those that are nearly the fastest: beside a loop that takes twice as long it is no comparison.
  const memory = (each) => {
    const fastest = RIVALS.filter((name) => each.laterMs[name].median <= 1.05 * best(each.laterMs))
    return each.peakMb.execute.median / Math.min(...fastest.map((name) => each.peakMb[name].median))
  }
  const heaviest = worst(memory)
  return [
    atMost(
      'real tasks, later calls: execute / the best of loop, piscina and p-map, worst',
      over(slowest),
      1.05,
      `${slowest.title}: ${formatNumber(slowest.laterMs.execute.median)} ms / ${formatNumber(best(slowest.laterMs))} ms; ${found.filter((each) => over(each) <= 1.05).length} of ${found.length} tasks within`,
    ),
    atMost(
      'real tasks, first call: lost to the loop, as a share of 5 % or 3 ms, worst',
      lostShare(first),
      1,
      `${first.title}: ${formatNumber(first.firstMs.execute.median)} ms / ${formatNumber(first.firstMs.loop.median)} ms`,
    ),
    atMost(
      'real tasks: memory / that of the fastest other, worst',
      memory(heaviest),
      1.2,
      `${heaviest.title}: ${Math.round(heaviest.peakMb.execute.median)} MB`,
    ),
  ]
}

export function busyTargets(found) {
  const worst = found.reduce((a, b) => (speedUp(b.laterMs, 'execute') < speedUp(a.laterMs, 'execute') ? b : a))
  return [
    atLeast(
      'real tasks on a busy machine, later calls: loop / execute, worst',
      speedUp(worst.laterMs, 'execute'),
      0.95,
      worst.title,
    ),
  ]
}
