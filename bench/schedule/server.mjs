// The event loop of an HTTP server while execute, without options, runs in its process.
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { left, middle, right, section, summariesOf } from '../support/tables.mjs'
import { atMost } from '../support/targets.mjs'
import { parseCell } from './cells.mjs'
import { cellLabel } from './labels.mjs'

const MOST_BLOCK_MS = 10

export async function measureServer(cells, { serverRounds, serverMs }) {
  const ids = ['none', ...cells]
  const job = jobsBeside(import.meta.url)
  const measured = await runRounds(
    ids.map((id) => job(id, 'server-case.mjs', [id, serverMs])),
    serverRounds,
  )
  return ids.map((id) => ({
    cell: id,
    itemMs: id === 'none' ? 0 : parseCell(id).itemMs,
    ...summariesOf(measured.get(id), ['longestMs', 'p99Ms', 'slowestMs']),
  }))
}

export function serverTables(found) {
  return [
    section('an HTTP server while execute runs in it', found, [
      left('items', ({ cell }) => (cell === 'none' ? 'nothing runs' : cellLabel(parseCell(cell)))),
      right('longest block of the event loop, ms', ({ longestMs }) => middle(longestMs)),
      right('request p99, ms', ({ p99Ms }) => middle(p99Ms)),
      right('slowest request, ms', ({ slowestMs }) => middle(slowestMs)),
    ]),
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
      `${worst.cell}: ${middle(worst.longestMs)} ms`,
      'ms',
    ),
  ]
}
