// What a lease saves, and what it costs: the time of a decision, and the tokens by which it may exceed the bound.
import { cases as decideCases } from '../decide/cases.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { summarizeCases } from '../support/sample.mjs'
import { decisionSection, inRounds, right, section } from '../support/tables.mjs'
import { atMost, roundsAtMost } from '../support/targets.mjs'
import { excessOf } from './bound.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.4
const OURS = 'amorsize/lease'
const RIVAL = 'fast-ratelimit/allowed'
const shown = decideCases.filter(({ id }) => [OURS, 'amorsize/allowed', RIVAL].includes(id))

const job = jobsBeside(import.meta.url)
const jobs = shown.map(({ id, env }) => job(id, '../micro/case.mjs', [id, SECONDS], { ...GC, env }))
const cases = summarizeCases(shown, await runRounds(jobs, ROUNDS))
const ns = (id) => cases.find((entry) => entry.id === id).ns

const bounds = []
for (const threads of [1, 4]) {
  for (const size of [null, 1, 8, 64, 256]) bounds.push({ threads, size, excess: await excessOf(size, threads) })
}
const allowedExcess = ({ threads, size }) => (size ?? 0) * threads
const nearest = bounds.reduce((worst, bound) =>
  bound.excess - allowedExcess(bound) > worst.excess - allowedExcess(worst) ? bound : worst,
)

await writeResults('lease', {
  title: 'Leases',
  notes: [
    `The decisions are measured as in "One decision": ${inRounds(ROUNDS)} of ${SECONDS} s, each case in a process of its own.`,
    'The bound is counted, not timed: on a clock of the program’s own, threads take tokens of one bucket of 1,000/s and 100 as greedily as they can, in 3,000 turns of the event loop of random length. ' +
      'Shown is the most that any interval of w seconds admitted above 100 + 1000 w. A lease may add its size for each thread.',
  ],
  tables: [
    decisionSection('A decision that is allowed', cases),
    section('Tokens above the bound', bounds, [
      right('threads', ({ threads }) => String(threads)),
      right('lease of', ({ size }) => String(size ?? 'none')),
      right('measured', ({ excess }) => excess.toFixed(2)),
      right('allowed', (bound) => String(allowedExcess(bound))),
    ]),
  ],
  targets: [
    roundsAtMost('lease tryAcquire() / fast-ratelimit consumeSync, group lease', ns(OURS), ns(RIVAL), 0.3, ' ns'),
    atMost(
      'tokens above the bound less the size of the leases',
      nearest.excess - allowedExcess(nearest),
      // A fraction of a token, since times are rounded to whole nanoseconds.
      0.001,
      `lease of ${nearest.size ?? 0}, ${nearest.threads} threads: ${nearest.excess.toFixed(3)}`,
      'tokens',
    ),
  ],
  data: { rounds: ROUNDS, seconds: SECONDS, cases, bounds },
})
