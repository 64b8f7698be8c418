// README's table of speed: five rows of what the groups have measured, in words, ours beside those who do the same.

/**
 * @param {{ group: string, readme?: { table: import('../dist/cli/text/table.js').Table } }[]} results
 * @returns {import('../dist/cli/text/table.js').Table} only rows whose group has been measured
 */
export function readmeTable(results) {
  const at = finder(results)
  const rows = [
    row('one decision, `tryAcquire()`', at('micro', 'allowed'), (cell) => [
      `${cell('amorsize')} ns`,
      `fast-ratelimit ${cell('fast-ratelimit')} ns, for one thread only; limiter ${cell('limiter TokenBucket')} ns`,
    ]),
    row('two threads on one limit', at('contention', 'decisions/s', '2'), (cell) => [
      `${millions(cell('amorsize, one bucket'))} decisions per second`,
      `${cell('postMessage to the main thread')} by messages to the main thread`,
    ]),
    row('10,000 per second, burst 1, thousands wait', across(results, 'pacing', '10,000/s, 1'), (cell) => [
      `${cell('amorsize')} % of the rate`,
      `p-queue ${cell('p-queue')} %, limiter ${cell('limiter TokenBucket')} %`,
    ]),
    row('a limit for each of a million keys', at('keyed', 'bytes per key'), (cell) => [
      `${cell('amorsize KeyedRateLimiter')} bytes per key`,
      `rate-limiter-flexible ${cell('rate-limiter-flexible memory')}, lru-cache with a bucket each ${cell('lru-cache with a bucket each')}`,
    ]),
    row('retry + breaker + bulkhead + timeout around a call', at('policies', POLICIES), (cell) => [
      `${cell('amorsize')} ns`,
      `mollitia ${cell('mollitia')} ns, cockatiel ${cell('cockatiel')} ns`,
    ]),
  ]
  return {
    columns: ['', 'amorsize', 'others'].map((title) => ({ title, align: 'left' })),
    rows: rows.filter((each) => each !== null),
  }
}

/** The groups of its rows, in their order. */
const GROUPS = ['micro', 'contention', 'pacing', 'keyed', 'policies']

/**
 * What its rows were measured on, in a sentence: groups are measured again one by one.
 *
 * @param {{ group: string, machine: Pick<import('../dist/cli/machine.js').Machine, 'cpu' | 'cores' | 'node' | 'system'> }[]} results
 */
export function readmeMachines(results) {
  const rowsOf = new Map()
  const measured = GROUPS.flatMap((group) => results.find((each) => each.group === group) ?? [])
  measured.forEach(({ machine: { cpu, cores, node, system } }, index) => {
    const text = `${cpu ?? 'unknown processor'}, ${cores} logical processors, ${system.replace(/ .* /, ' ')}, Node ${node}`
    rowsOf.set(text, [...(rowsOf.get(text) ?? []), index + 1])
  })
  if (rowsOf.size === 1) return `${[...rowsOf.keys()][0]}.`
  return [...rowsOf].map(([text, rows]) => `Row${rows.length === 1 ? '' : 's'} ${rows.join(', ')}: ${text}.`).join(' ')
}

const POLICIES = 'retry + breaker + bulkhead + timeout'

/** @returns a row, or null where its group has not been measured */
function row(title, cell, texts) {
  return cell === null ? null : [title, ...texts(cell)]
}

/** Finds cells of a group's table by the titles of row and column; `second` is what the second column must say. */
function finder(results) {
  return (group, column, second) => {
    const table = tableOf(results, group)
    if (table === undefined) return null
    const index = indexIn(table, group, column)
    return (title) =>
      first(found(table.rows, group, title, (cells) => second === undefined || cells[1] === second)[index])
  }
}

/** The same where ours and theirs are columns, and `title` is a row. */
function across(results, group, title) {
  const table = tableOf(results, group)
  if (table === undefined) return null
  const cells = found(table.rows, group, title, () => true)
  return (column) => first(cells[indexIn(table, group, column)])
}

const tableOf = (results, group) => results.find((each) => each.group === group)?.readme?.table

function indexIn(table, group, column) {
  const index = table.columns.findIndex(({ title }) => title === column)
  if (index < 0) throw new Error(`the results of ${group} have no column '${column}'`)
  return index
}

function found(rows, group, title, fits) {
  const cells = rows.find((each) => each[0] === title && fits(each))
  if (cells === undefined) throw new Error(`the results of ${group} have no row '${title}'`)
  return cells
}

/** The number without what stands beside it in parentheses. */
const first = (cell) => cell.replace(/ \(.*/, '')

const millions = (cell) => `${Math.round(Number(cell.replaceAll(',', '')) / 1e6)} million`
