// Tables and chart of the group http.
import { formatNumber } from '../../dist/cli/text/table.js'
import { FRAMEWORKS } from './frameworks.mjs'

export const titleOf = (framework) => FRAMEWORKS.find(({ name }) => name === framework).title

/** Those that limit. */
export function overBare(servers) {
  return servers.filter(({ role }) => role !== 'floor')
}

/** One framework: what each limit adds to the bare server. */
export function serverTable({ name, title }, servers) {
  const columns = [
    { title: '', align: 'left' },
    { title: 'header fields', align: 'left' },
    { title: 'CPU per request, µs', align: 'right' },
    { title: 'added, µs', align: 'right' },
    { title: 'lowest to highest', align: 'right' },
    { title: 'own, µs', align: 'right' },
  ]
  const rows = servers
    .filter(({ framework }) => framework === name)
    .map(({ role, title, headers, cpuUs, addedUs, ownUs }) => [
      title,
      role === 'floor' ? '' : headers,
      formatNumber(cpuUs.median),
      ...(headers === 'bare'
        ? ['', '']
        : [formatNumber(addedUs.median), `${formatNumber(addedUs.min)} to ${formatNumber(addedUs.max)}`]),
      role === 'floor' ? '' : formatNumber(ownUs.median),
    ])
  return { title: `${title}: processor time`, table: { columns, rows } }
}

/** One limit, several workers. */
export function clusterTable(clusters, { limit, requests }) {
  const columns = [
    { title: '', align: 'left' },
    { title: '', align: 'left' },
    { title: 'limit', align: 'right' },
    { title: `admitted of ${requests}`, align: 'right' },
  ]
  const rows = clusters.map(({ framework, title, admitted }) => [
    titleOf(framework),
    title,
    String(limit),
    [...new Set(admitted)].join(', '),
  ])
  return { title: 'One limit over four cluster workers', table: { columns, rows } }
}

/** What policies add to fetch. */
export function clientTable(clients) {
  const columns = [
    { title: '', align: 'left' },
    { title: 'CPU per request, µs', align: 'right' },
    { title: 'ratio', align: 'right' },
    { title: 'lowest to highest', align: 'right' },
    { title: 'to', align: 'left' },
  ]
  const rows = clients.map(({ id, against, cpuUs, ratio }) => [
    id,
    formatNumber(cpuUs.median),
    ...(id === against
      ? ['', '', '']
      : [formatNumber(ratio.median), `${formatNumber(ratio.min)} to ${formatNumber(ratio.max)}`, against]),
  ])
  return { title: 'A client: policies around fetch', table: { columns, rows } }
}

/** A server that gets more than it can do. */
export function overloadTable(overloads, factor) {
  const columns = [
    { title: '', align: 'left' },
    { title: 'processes', align: 'right' },
    { title: 'idle, p99 in ms', align: 'right' },
    { title: 'overloaded, p50', align: 'right' },
    { title: 'p99', align: 'right' },
    { title: 'p99, x idle', align: 'right' },
    { title: 'lowest to highest', align: 'right' },
    { title: 'goodput', align: 'right' },
    { title: 'refused', align: 'right' },
  ]
  const rows = overloads.map(({ guard, processes, idleP99Ms, busyP50Ms, busyP99Ms, overIdle, goodput, refused }) => [
    guard === 'none' ? 'nothing' : guard,
    String(processes),
    formatNumber(idleP99Ms.median),
    formatNumber(busyP50Ms.median),
    formatNumber(busyP99Ms.median),
    formatNumber(overIdle.median),
    `${formatNumber(overIdle.min)} to ${formatNumber(overIdle.max)}`,
    formatNumber(goodput.median),
    formatNumber(refused.median),
  ])
  return { title: `A server that gets ${factor} times what it can do`, table: { columns, rows } }
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
