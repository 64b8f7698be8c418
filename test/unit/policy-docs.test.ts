import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { compile } from '../support/compile.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'docs/policies')
const pages = readdirSync(folder).filter((name) => name.endsWith('.md'))
const prelude = readFileSync(join(root, 'test/types/docs-prelude.txt'), 'utf8')

/** Every example of every page, as a module of its own that lies in test/types. */
const examples = new Map(
  pages.flatMap((page) =>
    [...readFileSync(join(folder, page), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(([, code], index) => [
      join(root, 'test/types', `docs-${page.replace('.md', '')}-${index + 1}.ts`),
      `${prelude}\n{\n${code!}\n}\n`,
    ]),
  ),
)

describe('docs/policies', () => {
  it('has examples that compile', () => {
    const faults = compile(ts, [...examples.keys()], {}, examples)
    expect(examples.size).toBeGreaterThan(15)
    expect(faults).toEqual([])
  })

  it('links only to pages that are there', () => {
    const broken = pages.flatMap((page) =>
      [...readFileSync(join(folder, page), 'utf8').matchAll(/\]\(([\w./-]+\.(?:md|mjs))\)/g)]
        .filter(([, target]) => !ts.sys.fileExists(join(folder, target!)))
        .map(([, target]) => `${page}: ${target!}`),
    )
    expect(broken).toEqual([])
  })
})
