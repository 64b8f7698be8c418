// execute against the plain loop, the rivals, and the best schedule there is.
//
//   npm run bench -- schedule [--quick]                       everything, results to bench/results
//   node bench/schedule/index.mjs --parts waiting,real        some parts
//   node bench/schedule/index.mjs --cells number:1us:10k      these cells, cold and warm
//
// With --cells or --parts the tables and targets go to the terminal only. A cell is payload:time:count; payloads are number, skew
// (of the numbers the last 5 % take 20 × as long), 1kb, rows and 10mb. Parts:
//   cold, warm   the grid: first call of a process, later calls      waiting   items that wait, beside p-map and its like
//   skew         a heavy tail                                       real      real tasks, beside piscina and p-map tuned by hand
//   rivals       pools, on some cells                               busy      some of them beside a process that takes one core
//   prediction   how far estimates are off                          series    1, 3, 10, 100 calls against the best schedule
//   stream       items that come one by one, beside piscina and p-map tuned by hand
//   at-once      calls at once, as a server makes them              server    the event loop of an HTTP server meanwhile
//   in-workers   items that wait, mode: 'threads', beside piscina tuned by hand
import { parseArgs } from 'node:util'
import { markdownTable, textTable } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { targetTable } from '../support/targets.mjs'
import { measureAtOnce } from './at-once.mjs'
import { grid, listCells, loopMsOf, parseCell, select } from './cells.mjs'
import { measureInWorkers } from './in-workers.mjs'
import { measureCold, measurePrediction, measureRivals, measureWarm } from './measure.mjs'
import { charts } from './pictures.mjs'
import { measureBusy, measureReal } from './real.mjs'
import { tablesOf } from './report.mjs'
import { measureSeries } from './series.mjs'
import { measureServer } from './server.mjs'
import { measureStream } from './stream.mjs'
import { targets } from './verdict.mjs'
import { measureWaiting } from './waiting.mjs'

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, cells: { type: 'string' }, parts: { type: 'string' } },
})

const BOUNDS = quick ? { mostMs: 100, mostBytes: 2.6e8 } : { mostMs: 1000, mostBytes: 5.2e8 }
/** Shorter cells are neither judged nor worth a look. */
const LEAST_MS = 0.1
/** How often each part is measured, and for how long; on two quiet cores some 13 minutes in all, or 3. */
const EFFORT = quick
  ? {
      coldRounds: 1,
      warmRounds: 1,
      warmBudgetMs: 30,
      rivalRounds: 1,
      rivalBudgetMs: 30,
      predictionRounds: 1,
      waitingRounds: 1,
      waitingItems: 200,
      waitingShapes: ['sleep-10', 'even', 'http-32', 'files'],
      inWorkersRounds: 1,
      inWorkersShapes: ['burn-and-wait'],
      realRounds: 1,
      realProcesses: 1,
      realShare: 0.25,
      realTasks: ['sha256', 'json', 'scramble'],
      busyTasks: ['json'],
      seriesProcesses: 1,
      seriesMostMs: 100,
      streamRounds: 1,
      streamShare: 0.1,
      streamCases: 2,
      atOnceRounds: 3,
      atOnceProcesses: 1,
      atOnceCases: 1,
      serverRounds: 1,
      serverMs: 300,
    }
  : {
      coldRounds: 1,
      warmRounds: 1,
      warmBudgetMs: 100,
      rivalRounds: 1,
      rivalBudgetMs: 100,
      predictionRounds: 1,
      waitingRounds: 1,
      inWorkersRounds: 1,
      realRounds: 3,
      realProcesses: 2,
      realShare: 0.5,
      seriesProcesses: 1,
      seriesMostMs: 1000,
      streamRounds: 1,
      streamShare: 0.5,
      atOnceRounds: 9,
      atOnceProcesses: 1,
      serverRounds: 1,
      serverMs: 2000,
    }

/** Of a quick run every other count of the grid, of two payloads. */
const QUICK_COUNTS = [10, 1000]
const QUICK_PAYLOADS = ['number', '1kb']
const SKEW = ['skew:10us:10k', 'skew:100us:1k']
const RIVALS = [
  'number:1us:10k',
  'number:10us:10k',
  'number:100us:100',
  'number:1ms:100',
  '1kb:10us:10k',
  'rows:1ms:100',
]
const SERIES = ['number:1us:1k', 'number:10us:1k', 'number:100us:100', 'number:1ms:50', '1kb:10us:1k', 'skew:100us:200']
const PREDICTED = [
  'number:10us:1k',
  'number:10us:10k',
  'number:100us:100',
  'number:1ms:50',
  'skew:100us:200',
  '1kb:10us:10k',
  '1kb:100us:200',
  'rows:1ms:50',
]
const SERVER = ['number:100us:5k', '1kb:1ms:300', 'number:10ms:50']

const cells = grid().filter((cell) => loopMsOf(cell) >= LEAST_MS)
const isInQuick = ({ count, payload }) => QUICK_COUNTS.includes(count) && QUICK_PAYLOADS.includes(payload)
const selection = select(quick ? cells.filter(isInQuick) : cells, BOUNDS)
const some = (names) => (quick ? names.slice(0, 1) : names)
const parts = {
  cold: () => measureCold(chosen ?? selection.measured, EFFORT),
  warm: () => measureWarm(chosen ?? selection.measured, EFFORT),
  skew: () => measureWarm(some(SKEW).map(parseCell), EFFORT),
  waiting: () => measureWaiting(EFFORT),
  'in-workers': () => measureInWorkers(EFFORT),
  real: () => measureReal(EFFORT),
  busy: () => measureBusy(EFFORT),
  stream: () => measureStream(EFFORT),
  'at-once': () => measureAtOnce(EFFORT),
  series: () => measureSeries(some(SERIES), EFFORT),
  server: () => measureServer(some(SERVER), EFFORT),
  rivals: () => measureRivals(chosen ?? some(RIVALS).map(parseCell), EFFORT),
  prediction: () => measurePrediction(chosen ?? some(PREDICTED).map(parseCell), EFFORT),
}

const isWhole = flags.cells === undefined && flags.parts === undefined
const chosen = flags.cells?.split(',').map(parseCell)
const names = flags.parts?.split(',') ?? (chosen === undefined ? Object.keys(parts) : ['cold', 'warm'])
const unknown = names.filter((name) => parts[name] === undefined)
if (unknown.length > 0)
  throw new Error(`no such part: ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}`)

const results = {}
const seconds = {}
for (const name of names) {
  const startMs = performance.now()
  results[name] = await parts[name]()
  seconds[name] = Math.round((performance.now() - startMs) / 1000)
}

if (isWhole) {
  await writeResults('schedule', {
    title: 'execute: the loop, rivals, and the best schedule',
    notes: notes(),
    tables: tablesOf(results),
    charts: charts(results),
    targets: targets(results),
    data: {
      effort: EFFORT,
      seconds,
      tooSlow: selection.tooSlow.map(({ name }) => name),
      tooBig: selection.tooBig.map(({ name }) => name),
      ...results,
    },
  })
} else {
  for (const { title, table } of tablesOf(results)) process.stdout.write(`### ${title}\n\n${markdownTable(table)}\n\n`)
  process.stdout.write(`${textTable(targetTable(targets(results)))}\n`)
}
process.stderr.write(`seconds: ${JSON.stringify(seconds)}\n`)

function notes() {
  const ofRounds = (rounds, what) => (rounds === 1 ? '' : `; medians of ${rounds} ${what}`)
  const seconds = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`)
  return [
    'The task is a loop of integer multiplications whose number is calibrated in each process, by the function that is then measured; its result depends on all of them and on the item, of which it reads a ' +
      'little. Every result of every contender is compared with the loop’s. The loop is `for (const item of items) results.push(task(item))`; ratios are its time over the contender’s, on the same items in the same process.',
    'Cold: the first call in a new process, whose imports are done and whose task is compiled by calibrating it. Loop and `execute` are each called once, in one process loop first, in another `execute` first; ' +
      `the ratio is the geometric mean of both${ofRounds(EFFORT.coldRounds, 'pairs')}. Warm: idle workers are there and the cell has been run for 40 ms, or five times if that takes longer; loop, \`execute\`, \`execute\`, loop ` +
      `in turn for ${EFFORT.warmBudgetMs} ms or one such round, runs shorter than 2 ms repeated in a block${ofRounds(EFFORT.warmRounds, 'processes')}. Where it does worst, an async function around the same loop is measured like \`execute\`: the least that anything costs which returns a promise.`,
    `Left out because the loop takes more than ${seconds(BOUNDS.mostMs)}: ${listCells(selection.tooSlow)}. Left out because the items take more than ${Math.round(BOUNDS.mostBytes / 1e6)} MB: ${listCells(selection.tooBig) || 'none'}. ` +
      'In the heap, 100 KB of rows take 2.5 times their serialized size. Ratios of the grid are rounded down.',
    'The rivals run warm, each on each cell in processes of its own, one message per item as their documentation shows it. Tuned by hand: a thread for each core that is kept, and the best of 1, 2, 8 or 32 chunks per thread, ' +
      '1 or 2 at a time, by trial on the same items.',
    `Items that wait: each of ${EFFORT.waitingRounds} rounds (of files three times as many, which vary most) is a process of its own, which has run nothing before; later calls are the next two. p-map(16) and the other packages that run a fixed number at once are measured once.`,
    `Items that wait with \`mode: 'threads'\`: each round is a process of its own, which has run nothing before; later calls are the next two. piscina gets a message per item and runs the best of 16, 64 and 256 at once in each of two threads; p-map runs the best of 64 and 256 at once in this thread.`,
    'Real tasks: later calls in one process that runs the loop, `execute`, piscina and p-map in turn, forwards and backwards; first calls, and the most memory a process takes, in a process for each. piscina is tuned as above, p-map to the best of 2, 16 and 64 at a time, both in another process, so that each has run the items as often before it is timed. ' +
      'The tasks are exports of a module; `execute` gets `task(url, name)` and no options.',
    'Streams: a reader takes each result in order; the times of a process are those of its first call and the median of three later ones, after two that are not counted; the levels are those that are fastest later. A pool gets the batches that one makes by hand (1, 16 or 256 lines, ' +
      'two under way for each thread); p-map runs 16 or 64 at once, and `stream` gets `task(url, name)` and no options.',
    'Calls at once: each round runs the loop over the items of all calls, then as many calls of `execute` and of piscina at once; the first six rounds are not counted. piscina is tuned as above; a block is the time between two turns of the event loop.',
    'A series is a number of calls in a new process, with the start of its workers. The best schedule is found by trying all through the options of `execute`: the loop, and every number of workers with and without this thread, with each chunk size from 1 to 1,024 or its own; ' +
      `the best two of each length and \`execute\` without options are then measured again${ofRounds(EFFORT.seriesProcesses, 'processes')}. Times are in loops of the same process.`,
    'The server answers a client that asks every 5 ms while `execute` runs over and over; a block is the time between two turns of its event loop, timers of 1 ms included.',
    'Estimated is `plan.estimatedSpeedup` of `optimize(task, items)`, measured the loop’s time for what the sample has left over that of `plan.run()`.',
  ]
}
