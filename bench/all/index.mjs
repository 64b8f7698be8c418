// What two limits at once cost, all or nothing.
import { formatNumber } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { summarizeCases } from '../support/sample.mjs'
import { atMost } from '../support/targets.mjs'
import { cases } from './cases.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.4

const jobs = cases.map(({ id }) =>
  programJob({ id, base: import.meta.url, file: 'case.mjs', args: [id, SECONDS], flags: ['--expose-gc'] }),
)
const measured = summarizeCases(cases, await runRounds(jobs, ROUNDS))
const ns = (id) => measured.find((entry) => entry.id === id).ns.median

await writeResults('all', {
  title: 'Two limits at once',
  notes: [
    `Measured as in "One decision": ${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'} of ${SECONDS} s, each case in a process of its own. All calls are granted at once.`,
    'Only RateLimiter.all takes all or nothing and lets the true cost be settled later; its permit and the copy of the costs are what the heap bytes are.',
  ],
  tables: [
    {
      title: 'Granted at once',
      table: {
        columns: [
          { title: 'limiter', align: 'left' },
          { title: 'call', align: 'left' },
          { title: 'ns', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'heap bytes', align: 'right' },
        ],
        rows: measured.map(({ subject, call, ns: { median, min, max }, heapBytes }) => [
          subject,
          `\`${call}\``,
          formatNumber(median),
          `${formatNumber(min)} to ${formatNumber(max)}`,
          formatNumber(heapBytes.median),
        ]),
      },
    },
  ],
  targets: [
    atMost(
      'await all.acquire() / rate-limiter-flexible RateLimiterUnion',
      ns('all-await') / ns('union-await'),
      1,
      `${formatNumber(ns('all-await'))} ns / ${formatNumber(ns('union-await'))} ns`,
    ),
  ],
  data: { rounds: ROUNDS, seconds: SECONDS, cases: measured },
})
