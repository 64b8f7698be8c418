import { describe, expect, it } from 'vitest'
import { circlesIn } from '../../../scripts/support/circles.mjs'

const found = (files: Record<string, string>): string[][] => circlesIn(new Map(Object.entries(files)))

describe('circles of imports', () => {
  it('are none where imports point one way', () => {
    expect(
      found({
        'src/a.ts': "import { b } from './b.js'\nimport { c } from './part/c.js'",
        'src/b.ts': "export * from './part/c.js'",
        'src/part/c.ts': "import { join } from 'node:path'",
      }),
    ).toEqual([])
  })

  it('are found through types, through what is imported on use, and through others', () => {
    expect(
      found({
        'src/a.ts': "import type { B } from './part/b.js'",
        'src/part/b.ts': "const load = () => import('../c.js')",
        'src/c.ts': "export { a } from './a.js'",
        'src/d.ts': "import { a } from './a.js'",
      }),
    ).toEqual([['src/a.ts', 'src/c.ts', 'src/part/b.ts']])
  })

  it('are told apart', () => {
    expect(
      found({
        'a.ts': "import './b.js'",
        'b.ts': "import './a.js'\nimport './c.js'",
        'c.ts': "import './d.js'",
        'd.ts': "import './c.js'",
      }),
    ).toEqual([
      ['c.ts', 'd.ts'],
      ['a.ts', 'b.ts'],
    ])
  })
})
