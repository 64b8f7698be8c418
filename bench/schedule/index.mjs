// execute against the plain loop, the rivals, and the best schedule there is.
//
//   npm run bench -- schedule [--quick]                                everything, results to bench/results
//   node bench/schedule/index.mjs --cells number:1us:10k,rows:1ms:100  these cells of the grid, cold and warm
//   node bench/schedule/index.mjs --parts warm,regret [--cells …]      some parts: cold, warm, skew, rivals, regret, prediction
//
// With --cells or --parts the tables go to the terminal only; --quick makes each of them rough and fast. A cell is
// payload:time:count; payloads are number, skew (of the numbers the last 5 % take 20 × as long), 1kb, rows and 10mb.
import { parseArgs } from 'node:util'
import { markdownTable } from '../../dist/cli/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { grid, listCells, parseCell, select } from './cells.mjs'
import { measureCold, measurePrediction, measureRegret, measureRivals, measureWarm } from './measure.mjs'
import { charts } from './pictures.mjs'
import { readmeTable, tablesOf } from './report.mjs'
import { targets } from './verdict.mjs'

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, cells: { type: 'string' }, parts: { type: 'string' } },
})

const BOUNDS = quick ? { mostMs: 300, mostBytes: 2.6e8 } : { mostMs: 3000, mostBytes: 1e9 }
const EFFORT = quick
  ? {
      coldRounds: 1,
      warmRounds: 1,
      warmBudgetMs: 30,
      rivalRounds: 1,
      rivalBudgetMs: 30,
      regretRounds: 3,
      regretProcesses: 1,
      predictionRounds: 1,
    }
  : {
      coldRounds: 3,
      warmRounds: 3,
      warmBudgetMs: 300,
      rivalRounds: 1,
      rivalBudgetMs: 400,
      regretRounds: 9,
      regretProcesses: 3,
      predictionRounds: 2,
    }

/** Of a quick run every other count of the grid. */
const QUICK_COUNTS = [10, 1000, 100_000]
const SKEW = ['skew:10us:10k', 'skew:100us:1k']
const RIVALS = [
  'number:1us:100',
  'number:1us:10k',
  'number:10us:10k',
  'number:100us:10',
  'number:100us:100',
  'number:100us:1k',
  'number:1ms:10',
  'skew:100us:1k',
  '1kb:10us:10k',
  'rows:100us:200',
  'rows:1ms:200',
  '10mb:10ms:10',
]
const TRIED = [
  'number:1us:1k',
  'number:1us:10k',
  'number:10us:1k',
  'number:10us:10k',
  'number:100us:100',
  'number:100us:1k',
  'number:1ms:10',
  'number:1ms:50',
  'skew:100us:200',
  '1kb:10us:1k',
  '1kb:100us:200',
  'rows:1ms:50',
  'rows:10ms:10',
]
const QUICK_RIVALS = ['number:10us:1k', '1kb:10us:1k']
const QUICK_TRIED = ['number:10us:1k', 'rows:1ms:20']

const selection = select(quick ? grid().filter(({ count }) => QUICK_COUNTS.includes(count)) : grid(), BOUNDS)
const tried = (quick ? QUICK_TRIED : TRIED).map(parseCell)
const parts = {
  cold: { measure: measureCold, cells: selection.measured },
  warm: { measure: measureWarm, cells: selection.measured },
  skew: { measure: measureWarm, cells: (quick ? SKEW.slice(0, 1) : SKEW).map(parseCell) },
  rivals: { measure: measureRivals, cells: (quick ? QUICK_RIVALS : RIVALS).map(parseCell) },
  regret: { measure: measureRegret, cells: tried },
  prediction: { measure: measurePrediction, cells: tried },
}

const isWhole = flags.cells === undefined && flags.parts === undefined
const chosen = flags.cells?.split(',').map(parseCell)
const names = flags.parts?.split(',') ?? (chosen === undefined ? Object.keys(parts) : ['cold', 'warm'])
const unknown = names.filter((name) => parts[name] === undefined)
if (unknown.length > 0)
  throw new Error(`no such part: ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}`)

const results = {}
for (const name of names) {
  const { measure, cells } = parts[name]
  results[name] = await measure(chosen ?? cells, EFFORT)
}

if (isWhole) {
  await writeResults('schedule', {
    title: 'execute: the loop, rivals, and the best schedule',
    notes: notes(),
    tables: tablesOf(results),
    readme: readmeTable(results.rivals),
    charts: charts(results),
    targets: targets(results),
    data: {
      bounds: BOUNDS,
      effort: EFFORT,
      tooSlow: selection.tooSlow.map(({ name }) => name),
      tooBig: selection.tooBig.map(({ name }) => name),
      ...results,
    },
  })
} else {
  for (const { title, table } of tablesOf(results)) process.stdout.write(`### ${title}\n\n${markdownTable(table)}\n\n`)
}

function notes() {
  const ofRounds = (rounds, what) => (rounds === 1 ? '' : `; medians of ${rounds} ${what}`)
  const seconds = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`)
  return [
    'The task is a loop of integer multiplications whose number is calibrated in each process, by the function that is then measured; its result depends on all of them and on the item, of which it reads a ' +
      'little. Every result of every contender is compared with the loop’s. The loop is `for (const item of items) results.push(task(item))`; ratios are its time over the contender’s, on the same items in the same process.',
    'Cold: the first call in a new process, whose imports are done and whose task is compiled by calibrating it. Loop and `execute` are each called once, in one process loop first, in another `execute` first; ' +
      `the ratio is the geometric mean of both${ofRounds(EFFORT.coldRounds, 'pairs')}. Warm: idle workers are there and the cell has been run for 40 ms, or five times if that takes longer; loop, \`execute\`, \`execute\`, loop ` +
      `in turn for ${EFFORT.warmBudgetMs} ms or one such round, runs shorter than 2 ms repeated in a block${ofRounds(EFFORT.warmRounds, 'processes')}. Where it does worst, an async function around the same loop is measured like \`execute\`: the least that anything costs which returns a promise.`,
    `Left out because the loop takes more than ${seconds(BOUNDS.mostMs)}: ${listCells(selection.tooSlow)}. Left out because the items take more than ${Math.round(BOUNDS.mostBytes / 1e6)} MB: ${listCells(selection.tooBig)}. ` +
      'In the heap, 100 KB of rows take 2.5 times their serialized size. Ratios of the grid are rounded down.',
    'The rivals run warm, each on each cell in processes of its own, one message an item as their documentation shows it. Tuned by hand: a thread for each core that is kept, and the best of 1, 2, 8 or 32 chunks a thread, ' +
      '1 or 2 at a time, by trial on the same items.',
    'The best schedule is found through the options of `execute`: the loop, and every number of workers with and without this thread, with each chunk size from 1 to 1,024 or its own. All are run twice, `execute` without options after each; the four fastest ' +
      `and \`execute\` without options then ${EFFORT.regretRounds} times in turn; the regret is the median of \`execute\` over the best median of the others, less 1, or 0 where it is faster${ofRounds(EFFORT.regretProcesses, 'processes')}.`,
    'Estimated is `plan.estimatedSpeedup` of `optimize(task, items)`, measured the loop’s time for what the sample has left over that of `plan.run()`.',
  ]
}
