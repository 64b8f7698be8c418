// Does each trick of `execute` pay? The same cases with it and without it, in turn.
//
//   npm run bench -- tricks [--quick]
//   node bench/tricks/index.mjs --only 3,5     some of them, to the terminal only
import { parseArgs } from 'node:util'
import { median } from '../../dist/cli/statistics.js'
import { markdownTable } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, right, section } from '../support/tables.mjs'
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
const withAndWithout = section('With and without', rows, [
  left('trick', ({ what }) => what),
  left('case', ({ name }) => name),
  right('with, ms', ({ withMs }) => formatNumber(withMs)),
  right('without, ms', ({ withoutMs }) => formatNumber(withoutMs)),
  right('without / with', ({ ratio }) => formatNumber(ratio)),
  right('pairs it wins', ({ wins }) => `${wins} of ${PAIRS}`),
  left('', ({ pays }) => (pays ? 'pays' : '')),
])
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
    tables: [withAndWithout],
    targets: [],
    data: { pairs: PAIRS, rows },
  })
else process.stdout.write(`${markdownTable(withAndWithout.table)}\n`)

/** Cases that are one program with the same arguments are one process. */
async function measure(trick) {
  const without = variantWithout(trick)
  try {
    const programs = new Map(trick.cases.map((each) => [idOf(each), each]))
    const jobs = [...programs].flatMap(([id, { file, args }]) =>
      [whole, without].map(({ folder }) => {
        const which = folder === whole.folder ? 'with' : 'without'
        return jobsBeside(`file://${folder}/bench/schedule/`)(`${id} ${which}`, file, args, GC)
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

function idOf({ file, args }) {
  return `${file} ${args.join(' ')}`
}
