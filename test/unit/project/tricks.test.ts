import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { tricks } from '../../../bench/tricks/tricks.mjs'

it('each trick that is measured stands in the compiled code once', () => {
  const found = tricks.map(({ what, file, code }) => {
    const text = readFileSync(new URL(`../../../dist/execute/${file}`, import.meta.url), 'utf8')
    return [what, text.split(code).length - 1]
  })
  expect(found).toEqual(tricks.map(({ what }) => [what, 1]))
})
