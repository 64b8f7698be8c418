// The table of what callers that wait may rely on, today and before callers waited in lines.
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatNumber, left, right, section } from '../support/tables.mjs'
import { atLeast, atMost } from '../support/targets.mjs'
import { rows } from './table.mjs'

const job = jobsBeside(import.meta.url)
const taken = rows.filter(({ isLong = false }) => !(quick && isLong))
const results = await runRounds(
  taken.map(({ id }) => job(id, 'case.mjs', [id])),
  1,
)
const figures = taken.map((row) => ({ ...row, today: results.get(row.id)[0] }))

await writeResults('waiting', {
  title: 'Callers that wait',
  notes: [
    'Then: measured at commit ab0e14b, when each caller took its reservation as it came; "model": by a model of that, for threads. Today: by this run. Each row in a process of its own; where a busy machine could delay what is measured, the best of a few tries.',
    'Time limits, and limits for several at once, in virtual time: 8 to 600 s of callers that come at random, whose timers are late by up to 1.5 ms, on a bucket that several limiters share as threads do. A worker, a process, a blocked loop, CPU: for real.',
  ],
  tables: [
    section('Then and now', figures, [
      left('situation', ({ situation }) => situation),
      right('then', ({ then }) => then),
      right('today', ({ today, unit }) => `${formatNumber(today)} ${unit}`),
      right(
        'must be',
        ({ side, wanted, unit }) => `${side === 'at least' ? '>=' : '<='} ${formatNumber(wanted)} ${unit}`,
      ),
    ]),
  ],
  targets: figures.map(({ situation, then, today, side, wanted, unit }) =>
    (side === 'at least' ? atLeast : atMost)(situation, today, wanted, `then ${then}`, unit),
  ),
  data: { rows: figures.map(({ id, then, today, wanted }) => ({ id, then, today, wanted })) },
})
