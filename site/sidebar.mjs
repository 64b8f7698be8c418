// The order of the pages. A page that is not in it fails the build.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/support/project.mjs'
import { sitePath } from './links.mjs'

const docs = join(root, 'docs')
const api = join(docs, 'api')

/** Pages by their addresses on the site. */
const start = ['getting-started', 'which-part', 'use-cases', 'guarantees', 'play/']
const guides = {
  Limits: ['limiter', 'limits', 'keyed', 'lease', 'machine', 'redis'],
  'Servers and clients': ['http/servers', 'http/stores', 'http/clients', 'http/models'],
  Policies: [
    'policies/',
    'policies/retry',
    'policies/circuit-breaker',
    'policies/timeout',
    'policies/fallback',
    'policies/hedge',
    'policies/bulkhead',
    'policies/rate-limit',
    'policies/coalesce',
    'policies/chaos',
    'policies/pipeline',
    'policies/decorators',
    'policies/recipes',
  ],
  Work: ['scheduling', 'jobs', 'detection', 'container'],
  Operation: ['command-line', 'top', 'metrics', 'monitoring/'],
}
const cookbook = ['cookbook/', 'cookbook/limits', 'cookbook/calls', 'cookbook/work', 'cookbook/servers']
const comingFrom = ['coming-from', 'http/migration', 'policies/migration']
const troubleshooting = ['troubleshooting', 'platforms']
const howItWorks = ['how-it-works', 'beyond', 'benchmarks']

/** For people who change the package: not on the site. */
export const forContributors = ['mutation.md']

/** Where a heading says too little beside others, or too much. */
const shorter = {
  'cookbook/': 'All recipes',
  'http/migration': 'From other HTTP limiters',
  'policies/migration': 'From other policies',
  'coming-from': 'From other packages',
  'policies/recipes': 'Whole clients',
  beyond: 'Beyond one machine',
}

/**
 * What VitePress shows at the side: the pages, and beside those of an entry point what it exports. All of that beside every page would make
 * each of them a hundred kilobytes larger.
 */
export function sidebar() {
  const entries = existsSync(api) ? modules() : []
  const ofEntries = entries.map((entry) => [
    entry.link,
    [{ text: '← All pages', link: '/' }, ...entries.map((other) => (other === entry ? entry : linkTo(other)))],
  ])
  return { ...Object.fromEntries(ofEntries), '/': pages(entries.map(linkTo)) }
}

const linkTo = ({ text, link }) => ({ text, link })

function pages(entries) {
  return [
    group('Start', start),
    {
      text: 'Guides',
      items: Object.entries(guides).map(([text, pages]) => ({ ...group(text, pages), collapsed: true })),
    },
    group('Cookbook', cookbook),
    group('Coming from', comingFrom),
    group('Troubleshooting', troubleshooting),
    group('How it works', howItWorks),
    { text: 'API', link: '/api/', items: entries },
  ]
}

/**
 * Sees to it that every page can be found.
 *
 * @param {readonly string[]} pages - paths of all pages below docs, such as 'policies/retry.md'
 * @throws {Error} naming those that the sidebar lacks
 */
export function checkSidebar(pages) {
  const listed = new Set(['index', ...listedPages().map((page) => page.replace(/\/$/, '/index'))])
  const missing = pages
    .filter((page) => !forContributors.includes(page))
    .map((page) => sitePath(page).replace(/\.md$/, ''))
    .filter((page) => !page.startsWith('api/') && !listed.has(page))
  if (missing.length > 0) throw new Error(`site/sidebar.mjs does not have ${missing.join(', ')}`)
}

const listedPages = () => [start, Object.values(guides), cookbook, comingFrom, troubleshooting, howItWorks].flat(2)

const group = (text, pages) => ({
  text,
  items: pages.map((page) => ({ text: shorter[page] ?? titleOf(page), link: `/${page}` })),
})

/** The heading of a page. */
function titleOf(page) {
  const text = readFileSync(join(docs, page.endsWith('/') ? `${page}README.md` : `${page}.md`), 'utf8')
  return /^# (.+)$/m.exec(text)[1].replaceAll('`', '')
}

/** The entry points of the package, with what each exports. */
function modules() {
  const folders = readdirSync(api, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.map(({ name }) => ({ text: moduleName(name), link: `/api/${name}/`, items: kindsOf(name) }))
}

const moduleName = (folder) =>
  /^# (.+)$/m.exec(readFileSync(join(api, folder, 'index.md'), 'utf8'))[1].replaceAll('\\', '')

const kindsOf = (folder) =>
  readdirSync(join(api, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name: kind }) => ({
      text: kind.replace('type-aliases', 'types').replace(/^./, (letter) => letter.toUpperCase()),
      collapsed: true,
      items: readdirSync(join(api, folder, kind))
        .sort()
        .map((file) => file.replace('.md', ''))
        .map((name) => ({ text: name, link: `/api/${folder}/${kind}/${name}` })),
    }))
