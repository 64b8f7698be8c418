// docs/mutation.md: written from results, and read again, so that it keeps those of files that are not measured anew.
import { whyAlive } from './explained.mjs'

const WANTED_PERCENT = 85
const ROW =
  /^\| (?<file>\S+) \| \d+ \| (?<killed>\d+) \| \d+ \| \d+ \| \d+ \| (?<notCompiled>\d+) \| (?<judgedBy>.+) \| (?<measuredAt>\S+) \|$/
/** The code ends with the last backtick; what stands behind it is why nothing notices. */
const SURVIVOR = /^- (.*`)/

/**
 * @typedef {{ file: string, killed: number, survivors: string[], notCompiled: number, judgedBy: string, measuredAt: string }} Result
 * @param {string} text - of the page; '' where there is none
 * @returns {Map<string, Result>} by file
 */
export function readTable(text) {
  const results = new Map()
  let survivors = []
  for (const line of text.split('\n')) {
    const row = ROW.exec(line)?.groups
    if (row !== undefined) {
      const { file, judgedBy, measuredAt } = row
      const counts = { killed: Number(row.killed), notCompiled: Number(row.notCompiled) }
      results.set(file, { file, ...counts, survivors: [], judgedBy, measuredAt })
    }
    const heading = /^### (\S+)$/.exec(line)?.[1]
    if (heading !== undefined) survivors = results.get(heading)?.survivors ?? []
    const survivor = SURVIVOR.exec(line)?.[1]
    if (survivor !== undefined) survivors.push(survivor)
  }
  return results
}

/** @param {Result[]} results */
export function tableOf(results) {
  const inOrder = results
    .map((result) => ({ ...result, explained: result.survivors.filter((text) => whyAlive(result.file, text)).length }))
    .sort((a, b) => a.file.localeCompare(b.file))
  const sum = (numberOf) => inOrder.reduce((total, each) => total + numberOf(each), 0)
  const all = {
    killed: sum(({ killed }) => killed),
    survived: sum(({ survivors }) => survivors.length),
    explained: sum(({ explained }) => explained),
  }
  const rows = inOrder.map(({ file, killed, survivors, explained, notCompiled, judgedBy, measuredAt }) => {
    const counts = countsOf({ killed, survived: survivors.length, explained })
    return `| ${file} | ${counts} | ${notCompiled} | ${judgedBy} | ${measuredAt} |`
  })
  return [
    '# Mutation testing',
    '',
    'Made by `npm run mutation`: one operator, condition, constant or statement of the code is changed at a time, and the unit and property tests (for C++ the native tests) must notice. A weaker memory order is judged by the tests of weak memory alone, where a header has some; seq_cst stays, since no model knows what it adds.',
    `Wanted are ${WANTED_PERCENT} % of the mutants killed. Left out: messages, what does not compile or compiles to the same program and, where tests were chosen, what runs while modules load. Explained: no test can notice it, for the reason behind it. Only the files in the table have been measured.`,
    '',
    '| file | mutants | killed | survived | explained | % | left out | tests | measured |',
    '|---|---:|---:|---:|---:|---:|---:|---|---|',
    ...rows,
    `| all | ${countsOf(all)} | | | |`,
    '',
    '## Survivors',
    '',
    ...inOrder
      .filter(({ survivors }) => survivors.length > 0)
      .flatMap(({ file, survivors }) => [`### ${file}`, '', ...survivors.map((text) => lineOf(file, text)), '']),
  ].join('\n')
}

function countsOf({ killed, survived, explained }) {
  const mutants = killed + survived
  return `${mutants} | ${killed} | ${survived} | ${explained} | ${((100 * killed) / Math.max(1, mutants)).toFixed(0)}`
}

function lineOf(file, survivor) {
  const why = whyAlive(file, survivor)
  return why === undefined ? `- ${survivor}` : `- ${survivor}: ${why}`
}
