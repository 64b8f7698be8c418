// execute against the plain loop over the grid of item times, counts and payloads.
//
//   npm run bench -- schedule [--quick]                               everything, results to bench/results
//   node bench/schedule/index.mjs --cells number:1us:10k,rows:1ms:100  these cells only, cold and warm, to the terminal
//   node bench/schedule/index.mjs --parts cold                          one part only, to the terminal
//
// A cell is payload:time:count; payloads are number, skew (the last 5 % of the numbers take 20 × as long), 1kb, rows and 10mb.
import { parseArgs } from 'node:util'
import { markdownTable } from '../../dist/cli/table.js'
import { summarize } from '../../dist/cli/statistics.js'
import { quick } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { grid, inProcesses, parseCell, select } from './cells.mjs'
import { lowestTable, ratioTables } from './report.mjs'

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, cells: { type: 'string' }, parts: { type: 'string' } },
})

const BOUNDS = quick ? { mostMs: 300, mostBytes: 2.6e8 } : { mostMs: 3000, mostBytes: 1e9 }
const BUDGET_MS = quick ? 40 : 400
const COLD_ROUNDS = quick ? 1 : 3
const WARM_ROUNDS = quick ? 1 : 3

const chosen = flags.cells?.split(',').map(parseCell)
const selection = chosen === undefined ? select(grid(), BOUNDS) : { measured: chosen, tooSlow: [], tooBig: [] }

const parts = { cold: measureCold, warm: measureWarm }
const wanted = flags.parts?.split(',') ?? Object.keys(parts)
const results = {}
for (const part of wanted) results[part] = await parts[part](selection.measured)

for (const [situation, cells] of Object.entries(results)) {
  for (const { title, table } of [...ratioTables(situation, cells), lowestTable(situation, cells)]) process.stdout.write(`### ${title}\n\n${markdownTable(table)}\n\n`)
}

/** Both orders of each cell, in processes that are new. */
async function measureCold(cells) {
  const jobs = cells.flatMap(({ name }) =>
    ['loop', 'execute'].map((first) =>
      programJob({ id: `cold ${name}, ${first} first`, base: import.meta.url, file: 'cold-case.mjs', args: [first, name], flags: ['--expose-gc'] }),
    ),
  )
  const measured = await runRounds(jobs, COLD_ROUNDS)
  return cells.map((cell) => {
    const both = ['loop', 'execute'].map((first) => measured.get(`cold ${cell.name}, ${first} first`))
    // A pair of both orders makes one ratio: what the first leaves to the second falls out.
    const ratios = both[0].map(({ ratio }, round) => Math.sqrt(ratio * both[1][round].ratio))
    const of = (field) => summarize(both.flat().map((one) => one[field]))
    return { ...cell, ratio: summarize(ratios), loopMs: of('loopMs'), ms: of('ms') }
  })
}

async function measureWarm(cells) {
  const groups = inProcesses(cells)
  const jobs = groups.map(({ key, members }) =>
    programJob({ id: `warm ${key}`, base: import.meta.url, file: 'warm-case.mjs', args: ['amorsize', BUDGET_MS, ...members.map(({ name }) => name)] }),
  )
  const measured = await runRounds(jobs, WARM_ROUNDS)
  return groups.flatMap(({ key, members }) =>
    members.map((cell, i) => {
      const of = (field) => summarize(measured.get(`warm ${key}`).map((cells) => cells[i][field]))
      return { ...cell, ratio: of('ratio'), loopMs: of('loopMs'), ms: of('ms') }
    }),
  )
}
