// Limits in HTTP servers and clients: this package and the middlewares that people use.
import { availableParallelism } from 'node:os'
import { summarize } from '../../dist/cli/statistics.js'
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { summariesOf } from '../support/tables.mjs'
import { senders } from './fetch-subjects.mjs'
import { FRAMEWORKS } from './frameworks.mjs'
import { charts, clientTable, clusterTable, overBare, overloadTable, serverTable } from './report.mjs'
import { subjects as allSubjects } from './subjects.mjs'
import { targets } from './verdicts.mjs'

const ROUNDS = quick ? 1 : 3
const SERVER_ROUNDS = quick ? 1 : 5
const CYCLES = quick ? 5 : 27
/** Express takes five times as long for a request as the others do, and differs as much more from slice to slice. */
const cyclesOf = (framework) => (framework === 'express' ? 3 : 1) * CYCLES
const SLICE_MS = quick ? 60 : 75
const CLIENT_CYCLES = quick ? 10 : 140
const CLIENT_REQUESTS = 200
const WORKERS = 4
const LIMIT = 50
const REQUESTS = 400

const GUARDS = ['none', 'shed']
/** Of the server: one, and as many as this machine has processors. */
const PROCESSES = [...new Set([1, availableParallelism()])]
/** How many times as much as the server can do. */
const OVERLOAD = 3
const OVERLOAD_SECONDS = quick ? 3 : 8

const subjects = allSubjects()
/** What each counts does not depend on what it tells. */
const counting = subjects.filter(({ headers }) => headers === 'none')
const serverJob = (framework) => `servers: ${framework}`
const clusterJob = (id) => `cluster: ${id}`
const clientJob = 'client'
const OVERLOADS = PROCESSES.flatMap((processes) => GUARDS.map((guard) => ({ guard, processes })))
const overloadJob = ({ guard, processes }) => `overload: ${guard}, ${processes}`

const job = jobsBeside(import.meta.url)
const serverJobs = FRAMEWORKS.map(({ name }) => job(serverJob(name), 'case.mjs', [name, cyclesOf(name), SLICE_MS]))
const jobs = [
  job(clientJob, 'fetch-case.mjs', [CLIENT_CYCLES, CLIENT_REQUESTS]),
  ...OVERLOADS.map((each) =>
    job(overloadJob(each), 'overload-case.mjs', [each.guard, each.processes, OVERLOAD, OVERLOAD_SECONDS]),
  ),
  ...counting.map(({ id }) => job(clusterJob(id), 'cluster-case.mjs', [id, WORKERS, LIMIT, REQUESTS])),
]
const results = new Map([...(await runRounds(serverJobs, SERVER_ROUNDS)), ...(await runRounds(jobs, ROUNDS))])

const servers = subjects.map(({ id, framework, role, title, headers }) => {
  const rounds = results.get(serverJob(framework)).map((round) => round.find((each) => each.id === id))
  return { id, framework, role, title, headers, ...summariesOf(rounds, ['cpuUs', 'addedUs', 'ownUs']) }
})
const clusters = counting.map(({ id, framework, role, title }) => ({
  id,
  framework,
  role,
  title,
  admitted: results.get(clusterJob(id)),
}))
const clients = senders.map(({ id, against, isTarget = false }) => {
  const rounds = results.get(clientJob).map((round) => round.find((each) => each.id === id))
  return { id, against, isTarget, ...summariesOf(rounds, ['cpuUs', 'ratio']) }
})

const overloads = OVERLOADS.map((each) => {
  const rounds = results.get(overloadJob(each))
  return {
    ...each,
    ...summariesOf(rounds, ['idleP99Ms', 'busyP50Ms', 'busyP99Ms', 'goodput', 'refused']),
    overIdle: summarize(rounds.map((round) => round.busyP99Ms / round.idleP99Ms)),
  }
})

await writeResults('http', {
  title: 'Limits in HTTP servers and clients',
  notes: [
    `Processor time per request, from \`process.cpuUsage\` of the server's own process. "Added" is over the server without a limit, "own" over one with a middleware that does nothing: what a framework takes for any middleware is no limiter's. The servers of a framework are in one process; 16 connections that stay ask one after the other, ${SLICE_MS} ms each, ` +
      `${CYCLES} times over (Express ${cyclesOf('express')}) after a second of warming up. Slices of one cycle are compared; what is shown is the median of the cycles, and of ${SERVER_ROUNDS} ${SERVER_ROUNDS === 1 ? 'process' : 'processes'}. All requests have one key and are admitted. ` +
      'The header fields are those that the rival documents first, the newest that both have, and ours; "none": of what is admitted.',
    `Workers: a cluster of ${WORKERS}, limit ${LIMIT}, ${REQUESTS} requests over connections of their own; the rivals count in memory stores of their own.`,
    `Client: ${CLIENT_REQUESTS} requests in a slice, eight at a time, by each way to send in turn, ${CLIENT_CYCLES} times over, in one process; the server is another. Ratios are those of slices of one cycle.`,
    `Overload: a server of one process, or a cluster of as many as there are processors behind one limit, waits 20 ms and computes 4 ms for each request, whose arrivals are random and ask for nobody's leave: first a fifth of what it can do, then ${OVERLOAD} times as much for ${2 + OVERLOAD_SECONDS} s, the first 2 of which are not counted. ` +
      'Latencies are those that the client sees, of what is admitted; what is not answered at the end counts as long as it has waited. Goodput is what is answered with 200, as a share of what the computing alone would allow.',
  ],
  tables: [
    ...FRAMEWORKS.map((framework) => serverTable(framework, servers)),
    clusterTable(clusters, { limit: LIMIT, requests: REQUESTS }),
    clientTable(clients),
    overloadTable(overloads, OVERLOAD),
  ],
  charts: charts(overBare(servers)),
  targets: targets({ servers, clusters, clients, overloads }, LIMIT),
  data: {
    rounds: ROUNDS,
    serverRounds: SERVER_ROUNDS,
    cycles: CYCLES,
    sliceMs: SLICE_MS,
    servers,
    clusters,
    clients,
    overloads,
  },
})
