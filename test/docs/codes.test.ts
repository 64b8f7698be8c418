import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read, root } from './support/blocks.js'

/** Codes that Node gives, which the sources compare with; and a variable of the environment. */
const NOT_OURS = new Set([
  'AMORSIZE_NATIVE',
  'ERR_DLOPEN_DISABLED',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING',
  'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG',
  'ERR_WORKER_INVALID_EXEC_ARGV',
])

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(join('src', name)))
const codes = new Set(
  sources.flatMap((text) => [...text.matchAll(/'((?:ERR|AMORSIZE)_[A-Z0-9_]+)'/g)].map((match) => match[1]!)),
)
const ours = [...codes].filter((code) => !NOT_OURS.has(code)).sort()
const page = read('docs/troubleshooting.md')
const headings = [...page.matchAll(/^### (?:`([A-Z0-9_]+)`|.*)$/gm)].flatMap((match) => match[1] ?? [])

describe('docs/troubleshooting.md', () => {
  it('has a heading for every code of errors and warnings', () => {
    expect(ours.length).toBeGreaterThan(25)
    expect(ours.filter((code) => !headings.includes(code))).toEqual([])
  })

  it('has none for a code that there is not', () => {
    expect(headings.filter((code) => !ours.includes(code))).toEqual([])
  })

  it('names every reason of a SharedMemoryError', () => {
    const type = /export type SharedMemoryReason =\n((?:\s+\| '[a-z-]+'\n)+)/.exec(read('src/errors.ts'))?.[1] ?? ''
    const reasons = [...type.matchAll(/'([a-z-]+)'/g)].map((match) => match[1]!)
    expect(reasons.length).toBeGreaterThan(5)
    expect(reasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([])
  })
})
