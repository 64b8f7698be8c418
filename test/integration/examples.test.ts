// Examples, as examples/README.md says to run them; those of execute over a small node_modules.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../unit/support/recorded-run.js'
import { itWithAddon } from '../support/native.js'
import { main, runNode } from './support/command-line.js'

const folder = temporaryFolder()
const example = (name: string): string => fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))

for (let i = 0; i < 30; i++) {
  const path = join(folder, 'node_modules', `package-${i}`)
  mkdirSync(path, { recursive: true })
  writeFileSync(
    join(path, 'index.js'),
    '// a comment\nexport const one = 1\n'
      .repeat(i + 1)
      .replaceAll('one', () => `x${Math.random().toString(36).slice(2)}`),
  )
  writeFileSync(join(path, 'package.json'), '{}')
}
writeFileSync(join(folder, 'node_modules', 'package-7', 'template.js'), 'this is {{ no }} JavaScript')

describe('the example', () => {
  it('hash-files compares the loop with execute', async () => {
    const { code, stdout } = await runNode([example('hash-files')], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^61 files, .*\nloop \d+ ms, execute \d+ ms .*; results equal: true\n$/)
  })

  it('hash-files is a task for the command line, with list-files before it', async () => {
    const list = await runNode([example('list-files'), 'node_modules'], folder)
    writeFileSync(join(folder, 'files.ndjson'), list.stdout)
    const { code, stdout } = await runNode(
      [main, 'execute', `${example('hash-files')}#hashFile`, '--items', 'files.ndjson'],
      folder,
    )
    expect(code).toBe(0)
    const paths = (text: string, path: (value: never) => unknown): unknown[] =>
      text
        .trim()
        .split('\n')
        .map((line) => path(JSON.parse(line) as never))
    expect(paths(stdout, (value: { path: string }) => value.path)).toEqual(paths(list.stdout, (value) => value))
  })

  it('parse-files goes on when a file is no JavaScript, and says which', async () => {
    const { code, stdout } = await runNode([example('parse-files')], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^parsed 30 of 31 files .*: 465 statements at their top level\n {2}not parsed: .*template.js: /,
    )
  })

  it('crawl gets every page', async () => {
    const { code, stdout } = await runNode([example('crawl')], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^400 pages in /)
  })

  it('resume-after-kill ends with the results of the loop', async () => {
    const { code, stdout } = await runNode([example('resume-after-kill')], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /the first run has finished \d+ of 400 items and is killed\n[^]*results equal to the loop's: true\n$/,
    )
  })

  itWithAddon('database keeps to the connections there are, and spares one that is down', async () => {
    const { code, stdout } = await runNode([example('database')], folder)
    expect(stdout).toMatch(
      / 400 of 400 answered, 0 refused\nwhile it is down: 400 failed, of which fewer than 100 reached it\n$/,
    )
    expect(code).toBe(0)
  })
})
