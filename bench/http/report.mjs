// Tables and chart of the group http.
import { left, middle, middleOrBound, range, right, section, spread } from '../support/tables.mjs'
import { FRAMEWORKS } from './frameworks.mjs'

export const titleOf = (framework) => FRAMEWORKS.find(({ name }) => name === framework).title

/** Those that limit. */
export function overBare(servers) {
  return servers.filter(({ role }) => role !== 'floor')
}

/** One framework: what each limit adds to the bare server. */
export function serverTable({ name, title }, servers) {
  const overBare = (show) => (server) => (server.headers === 'bare' ? '' : show(server.addedUs))
  return section(
    `${title}: processor time`,
    servers.filter(({ framework }) => framework === name),
    [
      left('', ({ title }) => title),
      left('header fields', ({ role, headers }) => (role === 'floor' ? '' : headers)),
      right('CPU per request, µs', ({ cpuUs }) => middle(cpuUs)),
      right('added, µs', overBare(middleOrBound)),
      right('lowest to highest', overBare(range)),
      right('own, µs', ({ role, ownUs }) => (role === 'floor' ? '' : middle(ownUs))),
    ],
  )
}

/** One limit, several workers. */
export function clusterTable(clusters, { limit, requests }) {
  return section('One limit over four cluster workers', clusters, [
    left('', ({ framework }) => titleOf(framework)),
    left('', ({ title }) => title),
    right('limit', () => String(limit)),
    right(`admitted of ${requests}`, ({ admitted }) => [...new Set(admitted)].join(', ')),
  ])
}

/** What policies add to fetch. */
export function clientTable(clients) {
  const besideOther = (show) => (client) => (client.id === client.against ? '' : show(client))
  return section('A client: policies around fetch', clients, [
    left('', ({ id }) => id),
    right('CPU per request, µs', ({ cpuUs }) => middle(cpuUs)),
    right(
      'ratio',
      besideOther(({ ratio }) => middle(ratio)),
    ),
    right(
      'lowest to highest',
      besideOther(({ ratio }) => range(ratio)),
    ),
    left(
      'to',
      besideOther(({ against }) => against),
    ),
  ])
}

/** A server that gets more than it can do. */
export function overloadTable(overloads, factor) {
  return section(`A server that gets ${factor} times what it can do`, overloads, [
    left('', ({ guard }) => (guard === 'none' ? 'nothing' : guard)),
    right('processes', ({ processes }) => String(processes)),
    right('idle, p99 in ms', ({ idleP99Ms }) => middle(idleP99Ms)),
    right('overloaded, p50', ({ busyP50Ms }) => middle(busyP50Ms)),
    right('p99', ({ busyP99Ms }) => middle(busyP99Ms)),
    ...spread('p99, x idle', ({ overIdle }) => overIdle),
    right('goodput', ({ goodput }) => middle(goodput)),
    right('refused', ({ refused }) => middle(refused)),
  ])
}

export function charts(limited) {
  return [
    {
      kind: 'bars',
      file: 'http-1',
      title: 'What a limit adds to a request',
      axis: 'processor time, µs',
      logarithmic: false,
      bars: limited.map(({ framework, title, headers, role, addedUs }) => ({
        name: `${titleOf(framework)}: ${title}, ${headers === 'none' ? 'no header fields' : headers}`,
        value: addedUs.median,
        ours: role === 'ours',
      })),
    },
  ]
}
