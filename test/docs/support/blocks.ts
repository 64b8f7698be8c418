import { readFileSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A piece of a page that is marked as code, or an example of a docstring. */
export interface Block {
  /** The page or source file, relative to the repository. */
  readonly page: string
  /** Of the first line of its code, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** The file that a comment in its first line says it is, such as 'hash.mjs'. */
  readonly file: string | null
  /** Why it cannot be run, as the page says in a comment above it. */
  readonly notRun: string | null
  /** What the page shows below it as its output. */
  readonly prints: string | null
}

const PROGRAMS = new Set(['js', 'ts'])

/** Whether it is a program, and not a transcript, data or output. */
export const isProgram = ({ language }: Block): boolean => PROGRAMS.has(language)

/** Whether it is run: a program that the page does not say to be for show. */
export const isRun = (block: Block): boolean => isProgram(block) && block.notRun === null

/** Paths of all pages of the repository that people read, relative to it; docs/api is made from docstrings, where the site is built. */
export function pages(): string[] {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name))
  const others = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'examples/README.md']
  return [...others, ...inDocs]
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.md') && !/^docs\/(\.|api\/)/.test(path))
    .sort()
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/**
 * The blocks of a page. Directly above one may stand `<!-- not run: why -->`; `<!-- prints -->` above a block says that it is the output of
 * the block before.
 */
export function blocksOf(page: string, text: string): Block[] {
  const lines = text.split('\n')
  const found: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const opened = /^```(\S*)/.exec(lines[at]!)
    if (opened === null) continue
    const end = lines.indexOf('```', at + 1)
    if (end === -1) throw new Error(`${page}:${at + 1}: a block that does not end`)
    const code = lines.slice(at + 1, end).join('\n')
    const above = lines[at - 1] ?? ''
    const last = found.at(-1)
    if (above === '<!-- prints -->') {
      if (last === undefined) throw new Error(`${page}:${at}: there is nothing that could print this`)
      found[found.length - 1] = { ...last, prints: code }
    } else {
      found.push({
        page,
        line: at + 2,
        language: opened[1]!,
        code,
        file: /^\/\/ ([\w-]+\.[cm]?[jt]s)\b/.exec(code)?.[1] ?? null,
        notRun: /^<!-- not run: (.+) -->$/.exec(above)?.[1] ?? null,
        prints: null,
      })
    }
    at = end
  }
  return found
}

/** The examples in the documentation comments of the sources. */
export function examples(): Block[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => {
      const page = relative(root, join(root, 'src', name)).split(sep).join('/')
      return examplesOf(page, read(page))
    })
}

function examplesOf(page: string, text: string): Block[] {
  return [...text.matchAll(/\/\*\*.*?\*\//gs)].flatMap((comment) =>
    [...comment[0].matchAll(/^ *\* @example\n(.*?)(?=^ *\* @|^ *\*\/)/gms)].map((example) => {
      const before = text.slice(0, comment.index + example.index)
      return {
        page,
        line: before.split('\n').length + 1,
        language: 'ts',
        code: example[1]!.replaceAll(/^ *\* ?/gm, '').trimEnd(),
        file: null,
        notRun: /^src\/(bullmq|redis)\//.test(page) ? 'needs a Redis server' : null,
        prints: null,
      }
    }),
  )
}
