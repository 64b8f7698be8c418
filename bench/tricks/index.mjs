// Does each trick of `execute` pay? The same cases with it and without it, in turn.
//
//   npm run bench -- tricks [--quick]
//   node bench/tricks/index.mjs --only 3,5     some of them, to the terminal only
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../../dist/cli/statistics.js'
import { formatNumber, markdownTable } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { tricks } from './tricks.mjs'
import { variantWithout } from './variant.mjs'

/** Pairs of processes for each case. */
const PAIRS = quick ? 1 : 5
/** A trick stays if something moves by more than both. */
const LEAST_PART = 0.05
const LEAST_MS = 0.1

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
const numbers = flags.only?.split(',').map(Number)
const chosen = numbers === undefined ? tricks : numbers.map((n) => tricks[n - 1])

const whole = variantWithout(undefined)
const rows = []
try {
  for (const trick of chosen) rows.push(...(await measure(trick)))
} finally {
  whole.remove()
}
const columns = [
  { title: 'trick', align: 'left' },
  { title: 'case', align: 'left' },
  { title: 'with, ms', align: 'right' },
  { title: 'without, ms', align: 'right' },
  { title: 'without / with', align: 'right' },
  { title: 'pairs it wins', align: 'right' },
  { title: '', align: 'left' },
]
const table = {
  columns,
  rows: rows.map(({ what, name, withMs, withoutMs, ratio, wins, pays }) => [
    what,
    name,
    formatNumber(withMs),
    formatNumber(withoutMs),
    formatNumber(ratio),
    `${wins} of ${PAIRS}`,
    pays ? 'pays' : '',
  ]),
}
if (numbers === undefined)
  await writeResults('tricks', {
    title: 'execute: what each trick moves',
    notes: [
      `Each case is a program of the group schedule, in ${PAIRS} ${PAIRS === 1 ? 'pair' : 'pairs'} of processes: one with the package as it is, one with a copy whose compiled code leaves the trick out, in both orders. ` +
        `A trick pays where its case takes more than ${100 * LEAST_PART} % and ${LEAST_MS} ms longer without it, as medians.`,
      `Kept besides: ${chosen
        .filter(({ kept }) => kept !== undefined)
        .map(({ what, kept }) => `${what} (${kept})`)
        .join('; ')}.`,
    ],
    tables: [{ title: 'With and without', table }],
    targets: [],
    data: { pairs: PAIRS, rows },
  })
else process.stdout.write(`${markdownTable(table)}\n`)

/** Cases that are one program with the same arguments are one process. */
async function measure(trick) {
  const without = variantWithout(trick)
  try {
    const programs = new Map(trick.cases.map((each) => [idOf(each), each]))
    const jobs = [...programs].flatMap(([id, { file, args, isBesideBusy }]) =>
      [whole, without].map(({ folder }) => {
        const job = programJob({
          id: `${id} ${folder === whole.folder ? 'with' : 'without'}`,
          base: `file://${folder}/bench/schedule/`,
          file,
          args,
          flags: ['--expose-gc'],
        })
        return isBesideBusy ? { ...job, run: () => besideBusy(job.run) } : job
      }),
    )
    const results = await runRounds(jobs, PAIRS)
    return trick.cases.map((each) => {
      const [withMs, withoutMs] = ['with', 'without'].map((which) => results.get(`${idOf(each)} ${which}`).map(each.ms))
      const ratios = withoutMs.map((ms, pair) => ms / withMs[pair])
      const ratio = median(ratios)
      const [a, b] = [median(withMs), median(withoutMs)]
      return {
        what: trick.what,
        name: each.name,
        withMs: a,
        withoutMs: b,
        ratio,
        wins: ratios.filter((one) => one > 1).length,
        pays: ratio > 1 + LEAST_PART && b - a > LEAST_MS,
      }
    })
  } finally {
    without.remove()
  }
}

function idOf({ file, args, isBesideBusy = false }) {
  return `${file} ${args.join(' ')}${isBesideBusy ? ', busy' : ''}`
}

/** Does `work` while another process keeps one core busy. */
async function besideBusy(work) {
  const busy = fork(fileURLToPath(new URL('../schedule/busy-loop.mjs', import.meta.url)))
  try {
    return await work()
  } finally {
    busy.kill()
  }
}
