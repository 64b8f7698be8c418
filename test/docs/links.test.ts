import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkSidebar } from '../../site/sidebar.mjs'
import { pages, read, root } from './support/blocks.js'

const REPOSITORY = 'https://github.com/amorsize/amorsize-node'
const present = pages().filter((page) => existsSync(join(root, page)))

/** A page without what is marked as code. */
const prose = (page: string): string => read(page).replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ' '))

/** Anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of read(page).replaceAll(/^```.*?^```$/gms, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const base = heading!
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = base
    for (let i = 1; anchors.has(anchor); i++) anchor = `${base}-${i}`
    anchors.add(anchor)
  }
  return anchors
}

interface Link {
  readonly page: string
  readonly target: string
  /** The file it leads to, relative to the repository; null for a place outside. */
  readonly file: string | null
  readonly anchor: string | null
}

const links: Link[] = present.flatMap((page) =>
  [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => {
    const target = match[1]!
    const [path = '', anchor = null] = target.split('#')
    const ours = new RegExp(`^${REPOSITORY}/(?:blob|tree)/main/(.+)$`).exec(path)?.[1]
    if (ours !== undefined) return { page, target, file: ours, anchor }
    if (/^[a-z]+:/.test(target)) return { page, target, file: null, anchor }
    const file = path === '' ? page : relative(root, join(root, dirname(page), path)).split(sep).join('/')
    return { page, target, file, anchor }
  }),
)

const shown = (found: readonly Link[]): string[] => found.map(({ page, target }) => `${page}: ${target}`)

describe('links between pages', () => {
  it('lead to files that are there', () => {
    expect(links.length).toBeGreaterThan(150)
    expect(shown(links.filter(({ file }) => file !== null && !existsSync(join(root, file))))).toEqual([])
  })

  it('lead to headings that are there', () => {
    const withAnchor = links.filter(({ file, anchor }) => anchor !== null && file?.endsWith('.md') === true)
    const broken = withAnchor.filter(({ file, anchor }) => existsSync(join(root, file!)) && !anchorsOf(file!).has(anchor!))
    expect(shown(broken)).toEqual([])
  })

  it('in README.md lead out of the package, as npm shows it without the repository', () => {
    expect(shown(links.filter(({ page, target }) => page === 'README.md' && !/^(https:|#)/.test(target)))).toEqual([])
  })

  it('lead to every page of docs', () => {
    const led = new Set(links.filter(({ page, file }) => file !== page).map(({ file }) => file))
    const all = present.filter((page) => page.startsWith('docs/'))
    expect(all.filter((page) => !led.has(page) && !led.has(dirname(page)))).toEqual([])
  })
})

it('README.md has at most 110 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(110)
})

it('each page has its place at the side of the site', () => {
  const ofSite = present.filter((page) => page.startsWith('docs/')).map((page) => page.slice('docs/'.length))
  expect(ofSite.length).toBeGreaterThan(40)
  expect(() => checkSidebar([...ofSite, 'policies/nowhere.md'])).toThrow('does not have policies/nowhere')
  checkSidebar(ofSite)
})
