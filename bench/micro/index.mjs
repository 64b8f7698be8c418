// What one decision costs: this package, the same on WebAssembly, and the rivals.
import { fileURLToPath } from 'node:url'
import { cases as decideCases } from '../decide/cases.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { GC, jobsBeside, runRounds } from '../support/rounds.mjs'
import { summarizeCases } from '../support/sample.mjs'
import { inRounds, summaryOf } from '../support/tables.mjs'
import { charts, importedModules, importTable, pathTables, readmeTable, targets } from './report.mjs'

const ROUNDS = quick ? 1 : 5
const SECONDS = quick ? 0.1 : 0.4
const IMPORT_ROUNDS = quick ? 3 : 11

const job = jobsBeside(import.meta.url)
const jobs = decideCases.map(({ id, env }) => job(id, 'case.mjs', [id, SECONDS], { ...GC, env }))
const results = await runRounds(jobs, ROUNDS)

// The package by its own name is what users import.
const importJobs = ['./empty.mjs', ...importedModules].map((id) =>
  job(id, 'import-case.mjs', [fileURLToPath(import.meta.resolve(id))]),
)
const imports = await runRounds(importJobs, IMPORT_ROUNDS)

const cases = summarizeCases(decideCases, results)
const importMs = Object.fromEntries([...imports].map(([id, rounds]) => [id, summaryOf(rounds, 'importMs')]))

await writeResults('micro', {
  title: 'One decision',
  notes: [
    `Benchmark.js samples batches of calls, ${inRounds(ROUNDS)} of ${SECONDS} s; every case in every round in a process of its own, the rounds in turn, ` +
      'every other one backwards. Shown are the median over the rounds and the lowest and highest round.',
    'All cases run in the same loop, one call after the other, with 0 to about 60 ns of varying integer work between two calls; that work is timed alone and ' +
      'subtracted. Without it, calls that read the time-stamp counter lock to its step of 10 ns, and the same code takes 20 or 40 ns by chance. ' +
      'The work begins with an atomic addition on whose result its length depends, so that the processor can do none of it while it waits for the call, nor start the call early. ' +
      'Each case checks that every single call was allowed, or refused, as its table says. Asynchronous batches include one turn of the event loop, so timers left behind are paid for.',
    `Imports: ${inRounds(IMPORT_ROUNDS)}, each in a process of its own, the files in the system's cache.`,
    'Heap bytes are the growth of the used heap over up to 2048 calls between which nothing was collected.',
  ],
  tables: [...pathTables(cases), importTable(importMs)],
  readme: readmeTable(cases),
  charts: charts(cases),
  targets: targets(cases, importMs),
  data: { rounds: ROUNDS, seconds: SECONDS, cases, importMs },
})
