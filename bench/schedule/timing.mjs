// Times the plain loop and a contender in turn, on the same items in the same process.
import { setImmediate as turn } from 'node:timers/promises'
import { median } from '../../dist/cli/statistics.js'
import { loopMsOf, parseCell } from './cells.mjs'
import { PAYLOADS, taskOf } from './workloads.mjs'

/** Short runs are repeated until one reading of the clock spans this much of the loop. */
const LEAST_BLOCK_MS = 2
/** How long calibrating runs a batch, and how often; the fastest counts, since others may use the machine too. */
const BATCH_MS = 1
const BATCHES = 7
/** Far more than the processor needs to read an item. */
const MANY_STEPS = 20_000

/**
 * What everybody would write.
 *
 * @template T, R
 * @param {(item: T) => R} call
 * @param {Iterable<T>} items
 * @returns {R[]}
 */
export function plainLoop(call, items) {
  const results = []
  for (const item of items) results.push(call(item))
  return results
}

/**
 * Makes the items of a cell, with as many steps as take its time on this machine now; compiles the cell's function by doing so.
 *
 * @param {import('./cells.mjs').Cell[]} cells - of one payload and time
 */
export function prepare(cells) {
  const [{ payload, itemMs }] = cells
  const call = taskOf(cells[0])
  const { make, few } = PAYLOADS[payload]
  const readMs = msPerItem(call, make(0, few))
  const stepMs = (msPerItem(call, make(MANY_STEPS, few)) - readMs) / MANY_STEPS
  const steps = Math.max(1, Math.round((itemMs - readMs) / stepMs))
  return { call, steps, workloads: cells.map((cell) => ({ cell, call, items: make(steps, cell.count) })) }
}

/** The same of one cell, by its name. */
export function prepareCell(name) {
  const { workloads } = prepare([parseCell(name)])
  return workloads[0]
}

/** The fastest of some batches, after as long a time for the compiler. */
function msPerItem(call, items) {
  let rounds = 1
  let bestMs = Infinity
  let sum = 0
  for (let batch = 0; batch < 2 * BATCHES; batch++) {
    const startMs = performance.now()
    for (let round = 0; round < rounds; round++) for (const item of items) sum = (sum + call(item)) | 0
    const ms = performance.now() - startMs
    if (batch >= BATCHES) bestMs = Math.min(bestMs, ms / (rounds * items.length))
    else rounds = Math.max(1, Math.ceil((rounds * BATCH_MS) / Math.max(ms, 0.001)))
  }
  if (!Number.isInteger(sum)) throw new Error(`${call.name} must return integers`)
  return bestMs
}

/** Times one run. */
export async function timed(work) {
  const startMs = performance.now()
  const results = await work()
  return { ms: performance.now() - startMs, results }
}

/** Times one run of the plain loop; nothing is awaited, as nobody would. */
export function timedLoop({ call, items }) {
  const startMs = performance.now()
  const results = plainLoop(call, items)
  return { ms: performance.now() - startMs, results }
}

/** A contender must give what the loop gives, in its order. */
export function requireEqual(name, results, wanted) {
  if (results.length !== wanted.length) throw new Error(`${name} gave ${results.length} results of ${wanted.length}`)
  const wrong = wanted.findIndex((value, i) => value !== results[i])
  if (wrong >= 0) throw new Error(`${name} gave ${results[wrong]} for item ${wrong}, the loop ${wanted[wrong]}`)
}

/**
 * Measures a contender against the loop: loop, contender, contender, loop, and so on, so that a drift of the machine falls on
 * both alike.
 *
 * @template T, R
 * @param {{ cell: import('./cells.mjs').Cell, call: (item: T) => R, items: T[] }} workload
 * @param {(items: T[]) => Promise<R[]>} run - the contender, warmed up
 * @param {{ leastRounds: number, budgetMs: number }} effort - rounds go on until both are reached
 * @param {R[]} [wanted] - what the loop gives
 * @returns {Promise<{ loopMs: number, ms: number, ratio: number, rounds: number }>} times of one run, and loop over contender, as medians
 */
export async function measurePair(
  workload,
  run,
  { leastRounds, budgetMs },
  wanted = plainLoop(workload.call, workload.items),
) {
  const { call, items, cell } = workload
  const calls = Math.max(1, Math.round(LEAST_BLOCK_MS / loopMsOf(cell)))
  const loopBlock = () => {
    let results
    const startMs = performance.now()
    for (let i = 0; i < calls; i++) results = plainLoop(call, items)
    const ms = (performance.now() - startMs) / calls
    requireEqual('the loop', results, wanted)
    return ms
  }
  const contenderBlock = async () => {
    let results
    const startMs = performance.now()
    for (let i = 0; i < calls; i++) results = await run(items)
    const ms = (performance.now() - startMs) / calls
    requireEqual(cell.name, results, wanted)
    return ms
  }
  const rounds = []
  const untilMs = performance.now() + budgetMs
  while (rounds.length < leastRounds || performance.now() < untilMs) {
    const before = loopBlock()
    await turn()
    const first = await contenderBlock()
    await turn()
    const second = await contenderBlock()
    await turn()
    const after = loopBlock()
    await turn()
    rounds.push({ loopMs: (before + after) / 2, ms: (first + second) / 2, ratio: (before + after) / (first + second) })
  }
  const of = (field) => median(rounds.map((round) => round[field]))
  return { loopMs: of('loopMs'), ms: of('ms'), ratio: of('ratio'), rounds: rounds.length }
}
