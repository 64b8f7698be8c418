// What callers that wait may rely on, as a table: each row with what was measured before callers waited in lines (commit ab0e14b; "model": by a
// model of it), what must be, and how to measure it. `npm run bench -- waiting` prints it; test/waiting/table.test.ts holds each row to its figure, but for long ones.
import * as many from './many-rows.mjs'
import * as real from './real-rows.mjs'
import * as virtual from './virtual-rows.mjs'

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} situation
 * @property {string} then - what was measured at ab0e14b
 * @property {number} wanted - the figure
 * @property {'at least' | 'at most'} side
 * @property {string} unit
 * @property {() => Promise<number>} measure - today
 * @property {boolean} [isReal] - needs threads and processes that share memory, so the addon, and signals
 * @property {boolean} [isLong] - takes too long for a test, which looks at fewer of them, and for a quick run
 * @property {number} [tries] - a busy machine may delay what is measured: the best of so many counts; default 1
 * @property {number} [tolerated] - what a test accepts on a busy machine, where that is not the figure
 */

const COSTS = /** @type {const} */ ([
  ['equal', 'equal costs', ['100 %', 'model 18 %', 'model 34 %']],
  ['two', 'two costs', ['20.9 %', 'model 14 %', 'model 29 %']],
  ['distinct', 'all costs distinct', ['3.6 %', 'model 0.5 %', 'model 0 %']],
])
const CROWDS = /** @type {const} */ ([
  [1, 100, 10],
  [4, 100, 10],
  [32, 1000, 3],
])

/** @type {Row[]} */
const underLoad = CROWDS.flatMap(([queues, rate, burst], crowd) =>
  COSTS.map(([costs, what, then]) => ({
    id: `twice-${queues}-${costs}`,
    situation: `${rate}/s, twice the load, limits of 1 s, ${queues === 1 ? 'one thread' : `${queues} threads`}: ${what}`,
    then: /** @type {string} */ (then[crowd]),
    wanted: 99,
    side: 'at least',
    unit: '%',
    measure: () => virtual.shareServed({ rate, burst, queues, costs, seconds: rate === 100 ? 40 : 8 }),
  })),
)

/** @type {Row[]} */
export const rows = [
  ...underLoad,
  {
    id: 'twice-63',
    situation: '100/s, twice the load, limits of 1 s, 63 threads with a waiter or two each: two costs',
    then: 'not measured',
    wanted: 97,
    side: 'at least',
    unit: '%',
    measure: () => virtual.shareServed({ rate: 100, burst: 3, queues: 63, costs: 'two', seconds: 40 }),
  },
  {
    id: 'all-tpm',
    situation: 'RateLimiter.all({ rpm, tpm }), tpm at twice the load, limits of 30 s',
    then: '28.4 %',
    wanted: 99,
    side: 'at least',
    unit: '%',
    measure: () => virtual.tokensServed({ costs: 'distinct' }),
  },
  {
    id: 'all-estimates',
    situation: 'the same with estimates of a quarter too much, which are settled',
    then: 'not measured',
    wanted: 99,
    side: 'at least',
    unit: '%',
    measure: () => virtual.tokensServed({ costs: 'distinct', isEstimated: true }),
  },
  {
    id: 'all-both',
    situation: 'rpm and tpm both at twice the load, all costs distinct',
    then: 'model 27 %',
    wanted: 96,
    side: 'at least',
    unit: '%',
    measure: () => virtual.tokensServed({ costs: 'distinct', areBothScarce: true }),
  },
  {
    id: 'abort',
    situation: '16,000 callers of distinct costs at 2/s give up at once: the next reservation waits',
    then: '8,632,000 ms',
    wanted: 0,
    side: 'at most',
    unit: 'ms',
    measure: virtual.waitAfterAborts,
  },
  {
    id: 'storm',
    situation: 'each of 100,000 callers that give up at once, against each of 5,000',
    then: 'grew with their number',
    wanted: 6,
    side: 'at most',
    unit: 'times',
    tolerated: 12,
    measure: real.stormGrowth,
  },
  {
    id: 'acquire',
    situation: 'CPU of one acquire behind 16,000 callers of distinct costs, against one behind 16',
    then: '21 µs at 4,000, 81 µs at 16,000',
    wanted: 1.5,
    side: 'at most',
    unit: 'times',
    tolerated: 4,
    measure: real.acquireGrowth,
  },
  {
    id: 'terminate',
    situation: 'a worker with 2,000 callers at 1000/s is terminated: the next of another thread waits',
    then: '1,800 ms',
    wanted: 50,
    side: 'at most',
    unit: 'ms',
    isReal: true,
    tries: 5,
    measure: async () => (await real.afterTermination()).nextMs,
  },
  {
    id: 'reset',
    situation: 'then reset(): tokens there, of 10',
    then: '0, and after 180 resets 10',
    wanted: 10,
    side: 'at least',
    unit: 'tokens',
    isReal: true,
    measure: async () => (await real.afterTermination()).tokens,
  },
  {
    id: 'kill',
    situation: "a process with 1,000 callers at 500/s is killed, scope 'machine': the next of another waits",
    then: '1,960 ms',
    wanted: 50,
    side: 'at most',
    unit: 'ms',
    isReal: true,
    tries: 5,
    measure: real.afterKill,
  },
  {
    id: 'block',
    situation: 'the event loop is blocked for 300 ms, 50 callers, 1000/s, burst 1: at once',
    then: '50 callers',
    wanted: 11,
    side: 'at most',
    unit: 'callers',
    measure: real.afterBlock,
  },
  {
    id: 'stop',
    situation: 'a process is stopped for 3 s, 1,000 callers, 500/s, burst 10: within 20 ms',
    then: '993 callers',
    wanted: 20,
    side: 'at most',
    unit: 'callers',
    isReal: true,
    tries: 3,
    measure: () => real.afterStop(),
  },
  {
    id: 'pause',
    situation: 'settle, refund, cancel and the end of a lease in a pause: let through in it',
    then: 'as many as they gave back',
    wanted: 0,
    side: 'at most',
    unit: 'callers',
    measure: virtual.admittedInPause,
  },
  {
    id: 'order',
    situation: 'tryAcquire, p1 = acquire, 20 ms of work, p2 = acquire: out of order',
    then: '1: p2, p1',
    wanted: 0,
    side: 'at most',
    unit: 'callers',
    measure: real.outOfOrderAfterWork,
  },
  {
    id: 'rate',
    situation: 'rate kept at 1000/s and 10,000/s, burst 1 and 10: the least of the four',
    then: '100.0 %',
    wanted: 99.9,
    side: 'at least',
    unit: '%',
    measure: () => virtual.rateKept(1),
  },
  {
    id: 'names',
    situation:
      '200,000 names of the machine, made and disposed in one process: each of the last, against each of the first',
    then: 'ended by V8 at 70,000',
    wanted: 1.5,
    side: 'at most',
    unit: 'times',
    isReal: true,
    isLong: true,
    measure: () => many.namesGrowth(),
  },
  {
    id: 'keys',
    situation: 'a caller for each of 200,000 keys, who all give up at once: each, against each of 5,000',
    then: 'not measured',
    wanted: 6,
    side: 'at most',
    unit: 'times',
    isLong: true,
    measure: many.waitingKeysGrowth,
  },
]

/** @param {string} id */
export function rowNamed(id) {
  const found = rows.find((row) => row.id === id)
  if (found === undefined) throw new RangeError(`the table has no row ${id}`)
  return found
}

/** The best of the tries. @param {Row} row @param {number} [good] - no more tries once it is as good as that */
export async function measured({ measure, side, tries = 1 }, good = side === 'at least' ? Infinity : -Infinity) {
  let best = await measure()
  const isGood = () => (side === 'at least' ? best >= good : best <= good)
  for (let i = 1; i < tries && !isGood(); i++) {
    const next = await measure()
    best = side === 'at least' ? Math.max(best, next) : Math.min(best, next)
  }
  return best
}

/** @param {Row} row @param {number} value @param {number} [limit] */
export function isMet({ side, wanted }, value, limit = wanted) {
  return side === 'at least' ? value >= limit : value <= limit
}
