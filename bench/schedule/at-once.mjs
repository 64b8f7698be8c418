// Calls at once, as a server makes them: execute without options beside the loop and piscina tuned by hand.
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { programJob, runRounds } from '../support/rounds.mjs'

const CASES = [
  { calls: 4, items: 50, itemMs: 1 },
  { calls: 10, items: 20, itemMs: 1 },
  { calls: 10, items: 100, itemMs: 0.2 },
  { calls: 40, items: 20, itemMs: 1 },
  { calls: 4, items: 5, itemMs: 20 },
  { calls: 20, items: 1, itemMs: 20 },
]
const CONTENDERS = ['execute', 'piscina']

const idOf = ({ calls, items, itemMs }) => `at once: ${calls} calls of ${items} items of ${itemMs} ms`

export async function measureAtOnce({ atOnceRounds, atOnceProcesses, atOnceCases = CASES.length }) {
  const cases = CASES.slice(0, atOnceCases)
  const jobs = cases.map((one) =>
    programJob({
      id: idOf(one),
      base: import.meta.url,
      file: 'at-once-case.mjs',
      args: [one.calls, one.items, one.itemMs, atOnceRounds],
    }),
  )
  const measured = await runRounds(jobs, atOnceProcesses)
  return cases.map((one) => {
    const processes = measured.get(idOf(one))
    const of = (name) =>
      Object.fromEntries(
        ['all', 'each', 'blocked'].map((field) => [field, summarize(processes.map((found) => found[name][field]))]),
      )
    return {
      ...one,
      loopMs: summarize(processes.map(({ loopMs }) => loopMs)),
      ...Object.fromEntries(CONTENDERS.map((name) => [name, of(name)])),
    }
  })
}

export function atOnceTables(found) {
  const right = (title) => ({ title, align: 'right' })
  return [
    {
      title: 'calls at once, later ones',
      table: {
        columns: [
          { title: 'calls', align: 'left' },
          right('loop, ms'),
          right('execute, speed-up'),
          right('piscina, speed-up'),
          right('a call of execute, ms'),
          right('of piscina'),
          right('longest block of the event loop by execute, ms'),
          right('by piscina'),
        ],
        rows: found.map(({ calls, items, itemMs, loopMs, ...of }) => [
          `${calls} calls, ${items} objects of ${itemMs} ms`,
          formatNumber(loopMs.median),
          ...CONTENDERS.map((name) => (loopMs.median / of[name].all.median).toFixed(2)),
          ...CONTENDERS.map((name) => formatNumber(of[name].each.median)),
          ...CONTENDERS.map((name) => formatNumber(of[name].blocked.median)),
        ]),
      },
    },
  ]
}
