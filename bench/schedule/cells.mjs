// The cells of the grid: which there are, what they are called, and which are left out because they would take too long.
import { PAYLOADS } from './workloads.mjs'

/**
 * @typedef {object} Cell - `count` items of a kind, each of which takes `itemMs` in the loop
 * @property {string} name - as `parseCell` takes it: '1kb:10us:1000'
 * @property {string} payload - a key of PAYLOADS
 * @property {string} time - `itemMs` for a reader: '10us'
 * @property {number} itemMs
 * @property {number} count
 */

export const TIMES = ['1us', '10us', '100us', '1ms', '10ms']
export const COUNTS = [10, 100, 1000, 10_000, 100_000]
export const GRID_PAYLOADS = ['number', '1kb', 'rows', '10mb']

const UNIT_MS = { us: 0.001, ms: 1 }

/**
 * Returns the cell with this name.
 *
 * @param {string} name - payload:time:count, such as number:0.1us:10; any time in us or ms, any count, with k for thousands
 * @returns {Cell}
 */
export function parseCell(name) {
  const [, payload, amount, unit, digits, thousands] = /^(\w+):([\d.]+)(us|ms):(\d+)(k?)$/.exec(name) ?? []
  const itemMs = Number(amount) * UNIT_MS[unit]
  const count = Number(digits) * (thousands === 'k' ? 1000 : 1)
  if (PAYLOADS[payload] === undefined || !(itemMs > 0) || !(count > 0)) {
    throw new Error(
      `no such cell: ${name}. It must be payload:time:count, such as number:0.1us:10k; payloads are ${Object.keys(PAYLOADS).join(', ')}`,
    )
  }
  return { name: `${payload}:${amount}${unit}:${count}`, payload, time: `${amount}${unit}`, itemMs, count }
}

/** All cells of the grid. @returns {Cell[]} */
export function grid() {
  return GRID_PAYLOADS.flatMap((payload) =>
    TIMES.flatMap((time) => COUNTS.map((count) => parseCell(`${payload}:${time}:${count}`))),
  )
}

/** Milliseconds that the loop takes. */
export function loopMsOf({ payload, itemMs, count }) {
  return itemMs * count * PAYLOADS[payload].weight
}

/** Bytes that the items take. */
export function bytesOf({ payload, count }) {
  return PAYLOADS[payload].bytes * count
}

/**
 * Splits cells into those to measure and those that would take too long or too much memory.
 *
 * @param {Cell[]} cells
 * @param {{ mostMs: number, mostBytes: number }} bounds
 */
export function select(cells, { mostMs, mostBytes }) {
  // Times such as 0.0001 ms times 100,000 are not exact.
  const isSlow = (cell) => loopMsOf(cell) > mostMs * 1.000_001
  const isBig = (cell) => bytesOf(cell) > mostBytes
  return {
    measured: cells.filter((cell) => !isSlow(cell) && !isBig(cell)),
    tooSlow: cells.filter((cell) => isSlow(cell)),
    tooBig: cells.filter((cell) => isBig(cell) && !isSlow(cell)),
  }
}

/**
 * Puts cells together that one process can measure: of one kind and time, so that what is learnt of one holds for all.
 *
 * @param {Cell[]} cells
 */
export function inProcesses(cells) {
  return groupBy(cells, ({ payload, time }) => `${payload}:${time}`)
}

/**
 * Names cells in few words: 'number: 1ms × 10,000 / 100,000, 10ms × 1,000'.
 *
 * @param {Cell[]} cells
 */
export function listCells(cells) {
  return groupBy(cells, ({ payload }) => PAYLOADS[payload].title)
    .map(
      ({ key, members }) =>
        `${key}: ${groupBy(members, ({ time }) => time)
          .map(listCounts)
          .join(', ')}`,
    )
    .join('; ')
}

function listCounts({ key, members }) {
  return `${key} × ${members.map(({ count }) => count.toLocaleString('en-US')).join(' / ')}`
}

/**
 * @template T
 * @param {T[]} values
 * @param {(value: T) => string} keyOf
 */
function groupBy(values, keyOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map()
  for (const value of values) {
    const key = keyOf(value)
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(value)
  }
  return [...groups].map(([key, members]) => ({ key, members }))
}
