// What a group of benchmarks leaves behind: bench/results/<group>.json with medians and spread, <group>.md to read.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { describeMachine, machineLine } from '../../dist/cli/machine.js'
import { markdownTable } from '../../dist/cli/text/table.js'
import { inOrder } from './groups.mjs'
import { targetTable } from './targets.mjs'

/** Whether this run only checks that the benchmarks work. Its figures go to a folder of their own. */
export const quick = process.argv.includes('--quick')

const folderUrl = new URL(quick ? '../results/quick/' : '../results/', import.meta.url)

/**
 * Writes the results of one group.
 *
 * @param {string} group - the group's folder name
 * @param {object} results
 * @param {string} results.title - heading of the group
 * @param {string[]} results.notes - how it was measured, one paragraph each
 * @param {{ title: string, table: import('../../dist/cli/text/table.js').Table }[]} results.tables
 * @param {{ title: string, table: import('../../dist/cli/text/table.js').Table }} [results.readme] - the few lines README shows
 * @param {import('./charts.mjs').Chart[]} [results.charts]
 * @param {import('./targets.mjs').Target[]} results.targets
 * @param {unknown} results.data - the figures that the tables were made from: medians and spread, no samples
 */
export async function writeResults(group, results) {
  const complete = {
    group,
    measuredAt: new Date().toISOString(),
    quick,
    machine: describeMachine(),
    charts: [],
    ...results,
  }
  await mkdir(folderUrl, { recursive: true })
  await writeFile(new URL(`${group}.json`, folderUrl), `${compactJson(complete)}\n`)
  const markdown = groupMarkdown(complete)
  await writeFile(new URL(`${group}.md`, folderUrl), markdown)
  process.stdout.write(`${markdown}\n`)
}

/** Figures have four digits, which is more than they deserve; a summary is [median, lowest, highest]. */
function shortened(key, value) {
  if (typeof value === 'number' && !Number.isInteger(value)) return Number(value.toPrecision(4))
  return value !== null && typeof value === 'object' && 'samples' in value
    ? [value.median, value.min, value.max]
    : value
}

const WIDTH = 160

/** Returns JSON for a repository: what fits into a line stands in one, and so do as many elements of a list as fit. */
function compactJson(value, indent = '') {
  const line = JSON.stringify(value, shortened)
  if (line.length + indent.length <= WIDTH || value === null || typeof value !== 'object') return line
  const deeper = `${indent}  `
  if (!Array.isArray(value)) {
    const entries = Object.entries(shortened('', value)).filter(([, each]) => each !== undefined)
    const lines = entries.map(([key, each]) => `${deeper}${JSON.stringify(key)}: ${compactJson(each, deeper)}`)
    return `{\n${lines.join(',\n')}\n${indent}}`
  }
  const lines = []
  for (const text of value.map((each) => compactJson(each, deeper))) {
    const last = lines.at(-1)
    if (last === undefined || text.includes('\n') || last.length + text.length > WIDTH) lines.push(`${deeper}${text}`)
    else lines[lines.length - 1] = `${last}, ${text}`
  }
  return `[\n${lines.join(',\n')}\n${indent}]`
}

/** Reads the results of every group that has been measured, in the order groups run. */
export async function readAllResults() {
  const names = await readdir(folderUrl).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const groups = inOrder(names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)))
  return Promise.all(
    groups.map(async (group) => JSON.parse(await readFile(new URL(`${group}.json`, folderUrl), 'utf8'))),
  )
}

/** Returns a group's results as Markdown; `chartFolder` is where its pictures lie, seen from the text. */
export function groupMarkdown(results, chartFolder = null) {
  const pictures =
    chartFolder === null ? [] : results.charts.map((chart) => `![${chart.title}](${chartFolder}/${chart.file}.svg)`)
  return `${[
    `## ${results.title}`,
    `${machineLine(results.machine)}. Measured on ${results.measuredAt.slice(0, 10)}${results.quick ? ', quick run: figures are rough' : ''}.`,
    ...results.tables.map(({ title, table }) => `### ${title}\n\n${markdownTable(table)}`),
    ...pictures,
    ...(results.targets.length > 0
      ? [`### Targets\n\n${markdownTable(targetTable(results.targets, '**missed**'))}`]
      : []),
    ...results.notes,
  ].join('\n\n')}\n`
}
