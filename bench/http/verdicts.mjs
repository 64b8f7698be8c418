// What the group http set out to reach.
import { middle } from '../support/tables.mjs'
import { atMost, exact, ratioAtLeast, ratioAtMost } from '../support/targets.mjs'
import { FRAMEWORKS } from './frameworks.mjs'
import { overBare, titleOf } from './report.mjs'

/** What a limit may cost beside the rival's: with header fields, and without. */
const BOUNDS = { express: 0.5, fastify: 0.8, hono: 0.7 }
const WITHOUT_HEADERS = 0.35
/** What policies around fetch may cost. */
const MOST_OVER_FETCH = 1.05
/** How long an admitted request may take in an overload, beside an idle server; and how much of the work may be lost to refusing. */
const MOST_OVER_IDLE = 2
const LEAST_GOODPUT = 0.9

export function targets({ servers, clusters, clients, overloads }, limit) {
  return [
    ...FRAMEWORKS.flatMap(({ name }) => serverTargets(name, overBare(servers))),
    ...clusters
      .filter(({ role }) => role === 'ours')
      .map(({ framework, admitted }) => exact(`${titleOf(framework)}, 4 workers, limit ${limit}`, admitted, limit)),
    ...clients.filter(({ isTarget }) => isTarget).map((client) => clientTarget(client, clients)),
    ...overloadTargets(overloads),
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
  return pairs.flatMap(({ one, other }) => {
    const target = (field, over) =>
      ratioAtMost(
        `${titleOf(name)}, ${toldOf(one, other)}${over}: amorsize / ${other.title}`,
        one[field].median,
        other[field].median,
        one.headers === 'none' ? WITHOUT_HEADERS : BOUNDS[name],
        ' µs',
      )
    // Without header fields most of what is added is the framework's.
    return one.headers === 'none'
      ? [target('addedUs', ''), target('ownUs', ', over an empty middleware')]
      : [target('addedUs', '')]
  })
}

function toldOf(one, other) {
  if (one.headers === 'none') return 'no header fields'
  return one.headers === other.headers ? one.headers : `${one.headers} and ${other.headers}`
}

function clientTarget({ id, against, cpuUs, ratio }, clients) {
  const other = clients.find((each) => each.id === against)
  const sides = `${middle(cpuUs)} µs, ${middle(other.cpuUs)} µs`
  return atMost(`${id} / ${against}`, ratio.median, MOST_OVER_FETCH, sides)
}

function overloadTargets(overloads) {
  const sizes = [...new Set(overloads.map(({ processes }) => processes))]
  return sizes.flatMap((size) => overloadTargetsOf(overloads.filter(({ processes }) => processes === size)))
}

function overloadTargetsOf(overloads) {
  const [without, shed] = ['none', 'shed'].map((guard) => overloads.find((each) => each.guard === guard))
  const what = `shed, 3 x overload, ${shed.processes} ${shed.processes === 1 ? 'process' : 'processes'}`
  return [
    atMost(
      `${what}: p99 / idle p99`,
      shed.overIdle.median,
      MOST_OVER_IDLE,
      `${middle(shed.busyP99Ms)} ms, ${middle(shed.idleP99Ms)} ms`,
    ),
    ratioAtLeast(`${what}: goodput / goodput without`, shed.goodput.median, without.goodput.median, LEAST_GOODPUT, ''),
  ]
}
