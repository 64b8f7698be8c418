import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

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
