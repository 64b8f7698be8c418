import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { markdownTable } from '../../dist/cli/table.js'
import { readmeTable } from '../../bench/readme-table.mjs'

const root = new URL('../../', import.meta.url)

it("README's table of speed is what the committed results say", () => {
  const results = readdirSync(new URL('bench/results/', root))
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(`bench/results/${name}`, root), 'utf8')) as { group: string })
  const table = readmeTable(results)
  expect(table.rows).toHaveLength(5)
  expect(readFileSync(new URL('README.md', root), 'utf8')).toContain(markdownTable(table))
})
