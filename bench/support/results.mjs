// What a group of benchmarks leaves behind: bench/results/<group>.json with everything, <group>.md to read.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { describeMachine, machineLine } from '../../dist/cli/machine.js'
import { markdownTable } from '../../dist/cli/table.js'
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
 * @param {{ title: string, table: import('../../dist/cli/table.js').Table }[]} results.tables
 * @param {{ title: string, table: import('../../dist/cli/table.js').Table }} [results.readme] - the few lines README shows
 * @param {import('./charts.mjs').Chart[]} [results.charts]
 * @param {import('./targets.mjs').Target[]} results.targets
 * @param {unknown} results.data - every figure the tables were made from
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
  await writeFile(new URL(`${group}.json`, folderUrl), `${JSON.stringify(complete, null, 2)}\n`)
  const markdown = groupMarkdown(complete)
  await writeFile(new URL(`${group}.md`, folderUrl), markdown)
  process.stdout.write(`${markdown}\n`)
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
