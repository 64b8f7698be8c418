import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { rows } from '../../tools/table.mjs'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

it.each([
  ['webpack', 'webpack.config.cjs'],
  ['rollup', 'rollup.config.mjs'],
  ['vite', 'vite.config.mjs'],
  ['next', 'next.config.mjs'],
  ['jest-babel', 'babel.config.cjs'],
  ['jest-ts', 'jest.config.cjs'],
])('docs/platforms.md shows the file that %s is tried with', (project, file) => {
  const blocks = [...read('docs/platforms.md').matchAll(/^```js\n\/\/ (\S+?)(?:,.*)?\n([^]*?)^```$/gm)]
  const shown = blocks.find(([, name]) => name === file)?.[2]
  expect(shown).toBe(read(`test/tools/projects/${project}/${file}`))
})

it('docs/platforms.md has a row for each tool that is tried, with its command', () => {
  const [, section = ''] = read('docs/platforms.md').split('\n## What is tried\n')
  expect(section.split('\n').filter((row) => rows.includes(row))).toEqual(rows)
})
