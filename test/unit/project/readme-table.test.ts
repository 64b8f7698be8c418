import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { markdownTable } from '../../../dist/cli/text/table.js'
import type { Machine } from '../../../dist/cli/machine.js'
import { readmeMachines, readmeTable } from '../../../bench/readme-table.mjs'

const root = new URL('../../../', import.meta.url)

const results = readdirSync(new URL('bench/results/', root))
  .filter((name) => name.endsWith('.json'))
  .map(
    (name) =>
      JSON.parse(readFileSync(new URL(`bench/results/${name}`, root), 'utf8')) as { group: string; machine: Machine },
  )
const readme = readFileSync(new URL('README.md', root), 'utf8')

it("README's table of speed is what the committed results say", () => {
  const table = readmeTable(results)
  expect(table.rows).toHaveLength(5)
  expect(readme).toContain(markdownTable(table))
})

it('says on which machine each row was measured', () => {
  expect(readme).toContain(`\n${readmeMachines(results)} All figures`)
  const machine = { cpu: 'Z80', cores: 1, node: 'v20.1.2', system: 'linux 6.1 x64' }
  const row = (group: string, cpu = 'Z80') => ({ group, machine: { ...machine, cpu } })
  expect(readmeMachines([row('keyed'), row('micro'), row('http', '8086')])).toBe(
    'Z80, 1 logical processors, linux x64, Node v20.1.2.',
  )
  expect(readmeMachines([row('micro'), row('keyed', '8086'), row('policies')])).toMatch(
    /^Rows 1, 3: Z80, .* Row 2: 8086, /,
  )
})
