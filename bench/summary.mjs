// Puts the groups' results together: every target with its measured value on the terminal, and, for full runs,
// docs/benchmarks.md, docs/img/*.svg and the table between the markers in README.md.
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { markdownTable, textTable } from '../dist/cli/text/table.js'
import { readmeMachines, readmeTable } from './readme-table.mjs'
import { renderChart } from './support/charts.mjs'
import { groupMarkdown, quick, readAllResults } from './support/results.mjs'
import { targetTable } from './support/targets.mjs'

const root = new URL('../', import.meta.url)
const README_START = '<!-- benchmarks: start -->'
const README_END = '<!-- benchmarks: end -->'

const results = await readAllResults()
const targets = results.flatMap((group) => group.targets)
if (targets.length > 0) {
  const met = targets.filter((target) => target.met).length
  process.stdout.write(`${textTable(targetTable(targets))}\n\n${met} of ${targets.length} targets met\n`)
}
if (!quick) await writeDocs()

async function writeDocs() {
  await mkdir(new URL('docs/img/', root), { recursive: true })
  for (const chart of results.flatMap((group) => group.charts)) {
    await writeFile(new URL(`docs/img/${chart.file}.svg`, root), renderChart(chart))
  }
  await writeFile(
    new URL('docs/benchmarks.md', root),
    [
      '# Measurements',
      'Made by `npm run bench`; all figures of a table come from one run. Your machine will give others: `npx amorsize bench` shows them.',
      ...results.map((group) => groupMarkdown(group, 'img')),
    ].join('\n\n'),
  )
  await writeReadme()
}

async function writeReadme() {
  const readme = new URL('README.md', root)
  if (!existsSync(readme)) return
  const text = await readFile(readme, 'utf8')
  const start = text.indexOf(README_START)
  const end = text.indexOf(README_END)
  if (start < 0 || end < start) {
    process.stdout.write(`README.md has no "${README_START}" … "${README_END}": it stays as it is\n`)
    return
  }
  const all = 'https://github.com/amorsize/amorsize-node/blob/main/docs/benchmarks.md'
  const block = [
    README_START,
    markdownTable(readmeTable(results)),
    `${readmeMachines(results)} All figures, the others' better ones too: [docs/benchmarks.md](${all}).`,
  ].join('\n\n')
  await writeFile(readme, `${text.slice(0, start)}${block}\n\n${text.slice(end)}`)
}
