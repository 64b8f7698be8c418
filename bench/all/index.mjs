// What two limits at once cost, all or nothing.
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { summarizeCases } from '../support/sample.mjs'
import { decisionSection, inRounds } from '../support/tables.mjs'
import { ratioAtMost } from '../support/targets.mjs'
import { cases } from './cases.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.4

const job = jobsBeside(import.meta.url)
const jobs = cases.map(({ id }) => job(id, 'case.mjs', [id, SECONDS], GC))
const measured = summarizeCases(cases, await runRounds(jobs, ROUNDS))
const ns = (id) => measured.find((entry) => entry.id === id).ns.median

await writeResults('all', {
  title: 'Two limits at once',
  notes: [
    `Measured as in "One decision": ${inRounds(ROUNDS)} of ${SECONDS} s, each case in a process of its own. All calls are granted at once.`,
    'Only RateLimiter.all takes all or nothing and lets the true cost be settled later; its permit and the copy of the costs are what the heap bytes are.',
  ],
  tables: [decisionSection('Granted at once', measured)],
  targets: [
    ratioAtMost(
      'await all.acquire() / rate-limiter-flexible RateLimiterUnion',
      ns('all-await'),
      ns('union-await'),
      1,
      ' ns',
    ),
  ],
  data: { rounds: ROUNDS, seconds: SECONDS, cases: measured },
})
