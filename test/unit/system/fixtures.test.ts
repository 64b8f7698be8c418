import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { FileTree, type Files } from '../support/file-tree.js'

interface Fixture {
  name: string
  why: string
  sys: { affinity: string; pageSize: number; pid: number }
  files: Files
  expected: object
  after?: { files: Files; expected: object }
}

const readFixtures = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/${file}`, import.meta.url), 'utf8')) as Fixture[]

/** The trees that `npm run bench -- system` asks others about, and those that came later. */
const known = readFixtures('linux-detection.json')
const later = readFixtures('linux-detection-more.json')

const skip = process.platform !== 'linux' || process.env['AMORSIZE_NATIVE'] === '0'

describe.skipIf(skip)('readSystemInfo over the trees of known machines (needs Linux and the addon)', () => {
  it('has many trees, each of its own name', () => {
    const names = [...known, ...later].map(({ name }) => name)
    expect(names.length).toBeGreaterThan(60)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each([...known, ...later])('$name: $why', ({ sys, files, expected, after }) => {
    using tree = new FileTree(files)
    const options = { root: tree.root, ...sys }
    expect(readSystemInfo(options)).toMatchObject({ source: 'native', ...expected })
    if (after === undefined) return
    tree.write(after.files)
    expect(readSystemInfo(options)).toMatchObject(after.expected)
  })
})
