// The event loop of an HTTP server while execute, without options, runs in its process.
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atMost } from '../support/targets.mjs'
import { parseCell } from './cells.mjs'
import { cellLabel } from './labels.mjs'

const MOST_BLOCK_MS = 10

export async function measureServer(cells, { serverRounds, serverMs }) {
  const ids = ['none', ...cells]
  const measured = await runRounds(
    ids.map((id) =>
      programJob({ id: `server ${id}`, base: import.meta.url, file: 'server-case.mjs', args: [id, serverMs] }),
    ),
    serverRounds,
  )
  return ids.map((id) => {
    const rounds = measured.get(`server ${id}`)
    const of = (field) => summarize(rounds.map((round) => round[field]))
    return {
      cell: id,
      itemMs: id === 'none' ? 0 : parseCell(id).itemMs,
      longestMs: of('longestMs'),
      p99Ms: of('p99Ms'),
      slowestMs: of('slowestMs'),
    }
  })
}

export function serverTables(found) {
  return [
    {
      title: 'an HTTP server while execute runs in it',
      table: {
        columns: [
          { title: 'items', align: 'left' },
          { title: 'longest block of the event loop, ms', align: 'right' },
          { title: 'request p99, ms', align: 'right' },
          { title: 'slowest request, ms', align: 'right' },
        ],
        rows: found.map(({ cell, longestMs, p99Ms, slowestMs }) => [
          cell === 'none' ? 'nothing runs' : cellLabel(parseCell(cell)),
          formatNumber(longestMs.median),
          formatNumber(p99Ms.median),
          formatNumber(slowestMs.median),
        ]),
      },
    },
  ]
}

/** An item cannot be interrupted: one of 20 ms may block for its 20. */
export function serverTargets(found) {
  const beyond = ({ longestMs, itemMs }) => longestMs.median - itemMs
  const worst = found.filter(({ cell }) => cell !== 'none').reduce((a, b) => (beyond(b) > beyond(a) ? b : a))
  return [
    atMost(
      "a server's event loop: longest block beyond an item, worst",
      beyond(worst),
      MOST_BLOCK_MS,
      `${worst.cell}: ${formatNumber(worst.longestMs.median)} ms`,
      'ms',
    ),
  ]
}
