// Tables, chart and targets of the group http.
import { formatNumber } from '../../dist/cli/table.js'
import { atMost } from '../support/targets.mjs'
import { FRAMEWORKS } from './frameworks.mjs'

const titleOf = (framework) => FRAMEWORKS.find(({ name }) => name === framework).title

/** What a limit may cost beside the rival's: with header fields, and without. */
const BOUNDS = { express: 0.5, fastify: 0.8, hono: 0.7 }
const WITHOUT_HEADERS = 0.35
/** What policies around fetch may cost. */
const MOST_OVER_FETCH = 1.05

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
  ]
  const rows = servers
    .filter(({ framework }) => framework === name)
    .map(({ role, title, headers, cpuUs, addedUs }) => [
      title,
      role === 'floor' ? '' : headers,
      formatNumber(cpuUs.median),
      ...(headers === 'bare'
        ? ['', '']
        : [formatNumber(addedUs.median), `${formatNumber(addedUs.min)} to ${formatNumber(addedUs.max)}`]),
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

/** One line per limiter. */
export function readmeTable(servers, clusters) {
  const limited = overBare(servers)
  const columns = [
    { title: '', align: 'left' },
    { title: '', align: 'left' },
    { title: 'with header fields', align: 'right' },
    { title: 'without', align: 'right' },
    { title: 'admitted, limit 50, 4 workers', align: 'right' },
  ]
  const rows = clusters.map(({ framework, title, admitted }) => {
    const own = limited.filter((each) => each.framework === framework && each.title === title)
    const added = (headers) => own.find(headers)?.addedUs.median
    return [
      titleOf(framework),
      title,
      formatNumber(added(({ headers }) => headers !== 'none')),
      formatNumber(added(({ headers }) => headers === 'none')),
      [...new Set(admitted)].join(', '),
    ]
  })
  return { title: 'A limit in a server: processor time added per request, µs', table: { columns, rows } }
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

export function targets(servers, clusters, clients, limit) {
  return [
    ...FRAMEWORKS.flatMap(({ name }) => serverTargets(name, overBare(servers))),
    ...clusters.filter(({ role }) => role === 'ours').map((cluster) => exactTarget(cluster, limit)),
    ...clients
      .filter(({ isTarget }) => isTarget)
      .map(({ id, against, cpuUs, ratio }) => {
        const other = clients.find((each) => each.id === against)
        const sides = `${formatNumber(cpuUs.median)} µs, ${formatNumber(other.cpuUs.median)} µs`
        return atMost(`${id} / ${against}`, ratio.median, MOST_OVER_FETCH, sides)
      }),
  ]
}

/** Each kind of header fields that both have; what the rival documents first is also compared with ours. */
function serverTargets(name, limited) {
  const of = (role) => limited.filter((each) => each.framework === name && each.role === role)
  const [ours, theirs] = [of('ours'), of('rival')]
  const pairs = [
    { one: ours[0], other: theirs[0] },
    ...ours.flatMap((one) => theirs.filter(({ headers }) => headers === one.headers).map((other) => ({ one, other }))),
  ]
  return pairs.map(({ one, other }) => {
    const told =
      one.headers === 'none'
        ? 'no header fields'
        : one.headers === other.headers
          ? one.headers
          : `${one.headers} and ${other.headers}`
    return atMost(
      `${titleOf(name)}, ${told}: amorsize / ${other.title}`,
      one.addedUs.median / other.addedUs.median,
      one.headers === 'none' ? WITHOUT_HEADERS : BOUNDS[name],
      `${formatNumber(one.addedUs.median)} µs, ${formatNumber(other.addedUs.median)} µs`,
    )
  })
}

function exactTarget({ framework, admitted }, limit) {
  const wrong = admitted.filter((count) => count !== limit).length
  return {
    what: `${titleOf(framework)}, 4 workers, limit ${limit}: rounds with a wrong count`,
    measured: wrong,
    unit: 'rounds',
    wanted: '0',
    met: wrong === 0,
    sides: `${admitted.length} rounds`,
  }
}
