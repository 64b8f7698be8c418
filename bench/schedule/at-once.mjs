// Calls at once, as a server makes them: execute without options beside the loop and piscina tuned by hand.
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { left, middle, right, section, summariesOf, summaryOf } from '../support/tables.mjs'

const CASES = [
  { calls: 4, items: 50, itemMs: 1 },
  { calls: 10, items: 20, itemMs: 1 },
  { calls: 10, items: 100, itemMs: 0.2 },
  { calls: 40, items: 20, itemMs: 1 },
  { calls: 4, items: 5, itemMs: 20 },
  { calls: 20, items: 1, itemMs: 20 },
]

const idOf = ({ calls, items, itemMs }) => `at once: ${calls} calls of ${items} items of ${itemMs} ms`

export async function measureAtOnce({ atOnceRounds, atOnceProcesses, atOnceCases = CASES.length }) {
  const cases = CASES.slice(0, atOnceCases)
  const job = jobsBeside(import.meta.url)
  const jobs = cases.map((one) => job(idOf(one), 'at-once-case.mjs', [one.calls, one.items, one.itemMs, atOnceRounds]))
  const measured = await runRounds(jobs, atOnceProcesses)
  return cases.map((one) => {
    const processes = measured.get(idOf(one))
    const of = (name) =>
      summariesOf(
        processes.map((found) => found[name]),
        ['all', 'each', 'blocked'],
      )
    return { ...one, loopMs: summaryOf(processes, 'loopMs'), execute: of('execute'), piscina: of('piscina') }
  })
}

export function atOnceTables(found) {
  return [
    section('calls at once, later ones', found, [
      left('calls', ({ calls, items, itemMs }) => `${calls} calls, ${items} objects of ${itemMs} ms`),
      right('loop, ms', ({ loopMs }) => middle(loopMs)),
      right('execute, speed-up', ({ loopMs, execute }) => (loopMs.median / execute.all.median).toFixed(2)),
      right('piscina, speed-up', ({ loopMs, piscina }) => (loopMs.median / piscina.all.median).toFixed(2)),
      right('a call of execute, ms', ({ execute }) => middle(execute.each)),
      right('of piscina', ({ piscina }) => middle(piscina.each)),
      right('longest block of the event loop by execute, ms', ({ execute }) => middle(execute.blocked)),
      right('by piscina', ({ piscina }) => middle(piscina.blocked)),
    ]),
  ]
}
