// What policies add to a call that succeeds: this package and the rivals.
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { inRounds, summaryOf } from '../support/tables.mjs'
import { charts, pathTables, readmeTable, targets, threadsTable } from './report.mjs'
import { subjects as findSubjects } from './subjects.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.4

/** One named bulkhead in several threads: with slots for all, and with one. */
const shared = [
  { id: '1 thread, slots free', threads: 1, slots: 100 },
  { id: '2 threads, slots free', threads: 2, slots: 100 },
  { id: '2 threads, one slot', threads: 2, slots: 1 },
]

const subjects = await findSubjects()
const job = jobsBeside(import.meta.url)
const jobs = [
  ...subjects.map(({ id }) => job(id, 'case.mjs', [id, SECONDS], GC)),
  ...shared.map(({ id, threads, slots }) => job(id, 'threads-case.mjs', [threads, slots, SECONDS * 1000])),
]
const results = await runRounds(jobs, ROUNDS)

const cases = subjects.map((subject) => {
  const measured = results.get(subject.id)
  return { ...subject, ns: summaryOf(measured, 'nsPerCall'), heapBytes: summaryOf(measured, 'heapBytesPerCall') }
})

const threads = shared.map((plan) => ({
  ...plan,
  callsPerSecond: summaryOf(results.get(plan.id), 'callsPerSecond'),
  mostAtOnce: Math.max(...results.get(plan.id).map((result) => result.mostAtOnce)),
}))

await writeResults('policies', {
  title: 'What policies add to a call',
  notes: [
    `Each call is awaited before the next; batches of about 10 ms for ${SECONDS} s after warming up, ${inRounds(ROUNDS)}, every case in every ` +
      'round in a process of its own. Shown are the median over the rounds and the lowest and highest round. The guarded function is `async () => 1`, whose own cost is ' +
      'in every figure ("no policy" is that alone). A batch includes one turn of the event loop.',
    'Heap bytes are the growth of the used heap over 512 calls between which nothing was collected, as a median of nine.',
    'opossum has no retry and p-retry nothing else, so they stand only where all sides do the same. cockatiel 4 and opossum 10 declare Node >= 22 and run on Node 20.20.',
    'One bulkhead by name in several threads, ten callers in each that call again at once: with one slot it passes from call to call and, most times, from thread to thread.',
  ],
  tables: [...pathTables(cases), threadsTable(threads)],
  readme: readmeTable(cases),
  charts: charts(cases),
  targets: targets(cases),
  data: { rounds: ROUNDS, seconds: SECONDS, cases, threads },
})
