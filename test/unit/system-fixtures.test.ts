import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../dist/testing/index.js'
import { FileTree, type Files } from './support/file-tree.js'

interface Fixture {
  name: string
  why: string
  sys: { affinity: string; pageSize: number; pid: number }
  files: Files
  expected: object
  after?: { files: Files; expected: object }
}

const fixtures = JSON.parse(
  readFileSync(new URL('../fixtures/linux-detection.json', import.meta.url), 'utf8'),
) as Fixture[]

const skip = process.platform !== 'linux' || process.env['AMORSIZE_NATIVE'] === '0'

describe.skipIf(skip)('readSystemInfo over the trees of known machines (needs Linux and the addon)', () => {
  it('has all 39 trees', () => {
    expect(fixtures).toHaveLength(39)
  })

  it.each(fixtures)('$name: $why', ({ sys, files, expected, after }) => {
    using tree = new FileTree(files)
    const options = { root: tree.root, ...sys }
    expect(readSystemInfo(options)).toMatchObject({ source: 'native', ...expected })
    if (after === undefined) return
    tree.write(after.files)
    expect(readSystemInfo(options)).toMatchObject(after.expected)
  })
})
