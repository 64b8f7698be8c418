// Runs over many machines: the processor time of a run over BullMQ beside one in this process and beside one job for each item.
import { summarize } from '../../dist/cli/statistics.js'
import { redisVersion } from '../support/redis-server.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, formatNumber, inRounds, left, middle, right, section, spread } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 3
const MEGABYTE = 1e6
/** The chunks of a stream grow for its first seconds: with so many items that is a small part. */
const MANY = quick ? 1_000_000 : 3_000_000
const tasks = {
  millisecond: { title: '1 ms', items: quick ? 1000 : 6000 },
  microseconds: { title: '20 µs', items: quick ? 20_000 : 100_000 },
}
/** Workers that are simulated, with items of so many ms. */
const simulated = [
  [10, 1],
  [100, 1],
  [1000, 1],
  [1000, 10],
  [1000, 100],
]
const SIMULATED_SECONDS = quick ? 6 : 24
const modes = {
  here: 'execute, in one process',
  ours: 'execute over BullMQ, 4 worker processes',
  plain: 'one job of BullMQ for each item, 4 worker processes',
}
/** One job for each item takes its time: so many of the items are enough. */
const PLAIN_PART = { millisecond: 4, microseconds: 20 }

if (redisVersion === undefined)
  process.stderr.write('queue: skipped, needs redis-server: apt-get install redis-server\n')
else await run()

async function run() {
  const plans = Object.keys(tasks).flatMap((name) =>
    Object.keys(modes).map((mode) => ({
      mode,
      name,
      items: mode === 'plain' ? tasks[name].items / PLAIN_PART[name] : tasks[name].items,
    })),
  )
  const idOf = ({ mode, name }) => `${mode}-${name}`
  const job = jobsBeside(import.meta.url)
  const results = await runRounds(
    [
      ...plans.map((plan) => job(idOf(plan), 'case.mjs', [plan.mode, plan.name, plan.items])),
      job('million', 'case.mjs', ['million', 'next', MANY], GC),
    ],
    ROUNDS,
  )
  const simulations = await runRounds(
    simulated.map((args) => job(`simulate-${args.join('-')}`, 'simulate.mjs', [...args, SIMULATED_SECONDS])),
    1,
  )
  const drivers = [...simulations.values()].flat()
  const reports = plans.map((plan) => {
    const measured = results.get(idOf(plan))
    return {
      ...plan,
      cpuUsPerItem: summarize(measured.map(({ cpuMs }) => (cpuMs * 1000) / plan.items)),
      itemsPerSecond: summarize(measured.map(({ wallMs }) => plan.items / (wallMs / 1000))),
    }
  })
  const report = (id) => reports.find((one) => idOf(one) === id)
  const cpu = (id) => report(id).cpuUsPerItem.median
  const ratio = (what, id, otherId, most) =>
    atMost(
      what,
      cpu(id) / cpu(otherId),
      most,
      `${formatNumber(cpu(id))} µs / ${formatNumber(cpu(otherId))} µs of processor time per item`,
    )
  const many = results.get('million')
  const worst = (field) => Math.max(...many.map((result) => result[field]))
  const growth = Math.max(...many.map(({ firstHalfBytes, secondHalfBytes }) => secondHalfBytes / firstHalfBytes))

  await writeResults('queue', {
    title: 'Runs over many machines',
    notes: [
      `${inRounds(ROUNDS)} in turn; BullMQ 6 with a Redis ${redisVersion} of its own on the loopback interface, and 4 worker processes of one thread on this machine. Shown is processor time, that of the driver, the workers and Redis together: a wall clock would measure the cores. ` +
        'A tenth of the items runs before, unmeasured.',
      `The driver is the real one against simulated workers, for ${SIMULATED_SECONDS} s, of which the second half counts; what BullMQ's client costs is not in it.`,
      `The stream of ${formatCount(MANY)} items adds 1 to each. The driver's heap is looked at ten times in each half, after a collection: shown is the most that was live. Beside it the most that was in use, with garbage, and Redis: these are looked at every 50 ms.`,
    ],
    tables: [
      section('Processor time per item', reports, [
        left('', ({ mode }) => modes[mode]),
        left('items of', ({ name }) => tasks[name].title),
        ...spread('µs per item', ({ cpuUsPerItem }) => cpuUsPerItem),
        right('items/s', ({ itemsPerSecond }) => middle(itemsPerSecond)),
      ]),
      section(`A stream of ${formatCount(MANY)} items`, many, [
        right('seconds', ({ wallMs }) => (wallMs / 1000).toFixed(1)),
        right("driver's live heap, first half, MB", ({ firstHalfBytes }) => (firstHalfBytes / MEGABYTE).toFixed(1)),
        right('second half, MB', ({ secondHalfBytes }) => (secondHalfBytes / MEGABYTE).toFixed(1)),
        right('with garbage, MB', ({ heapPeakBytes }) => (heapPeakBytes / MEGABYTE).toFixed(0)),
        right('Redis, MB', ({ redisBytes }) => (redisBytes / MEGABYTE).toFixed(1)),
      ]),
      section('The driver, with simulated workers', drivers, [
        right('workers', ({ workers }) => formatCount(workers)),
        right('items of', ({ itemMs }) => `${itemMs} ms`),
        right('items/s', ({ itemsPerSecond }) => formatNumber(itemsPerSecond)),
        right('of what they could do, %', ({ share }) => (100 * share).toFixed(0)),
        right('event loop busy, %', ({ busy }) => (100 * busy).toFixed(0)),
      ]),
    ],
    targets: [
      ratio('items of 1 ms, over BullMQ / local execute', 'ours-millisecond', 'here-millisecond', 1.15),
      ratio('items of 20 µs, over BullMQ / local execute', 'ours-microseconds', 'here-microseconds', 2),
      atMost(
        `stream of ${formatCount(MANY)} items: live heap of the second half / the first`,
        growth,
        1.25,
        `${many.every(({ isRight }) => isRight) ? 'right sums' : 'WRONG SUMS'}`,
      ),
      atMost(
        `stream of ${formatCount(MANY)} items: Redis`,
        worst('redisBytes') / MEGABYTE,
        50,
        'peak of used_memory',
        'MB',
      ),
    ],
    data: { rounds: ROUNDS, redisVersion, reports, many, drivers },
  })
}
