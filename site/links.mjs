// Links of the pages as they are written for GitHub, made to fit the site: README.md of a folder is its index, and what is no page of docs
// is shown by the repository.
import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { manifest, root } from '../scripts/support/project.mjs'

/** Where the project lies for everybody. */
export const repository = manifest.repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** The file that the site makes of a page of docs. */
export const sitePath = (page) => page.replace(/(^|\/)README\.md$/, '$1index.md')

/**
 * Where a link leads on the site.
 *
 * @param {string} href - as the page has it
 * @param {string} page - the page's path below docs
 * @throws {Error} when it leads to a file that is not there
 */
function siteLink(href, page) {
  if (/^([a-z]+:|#|\/)/i.test(href)) return ofPage(href)
  const [path, anchor] = href.split('#')
  const file = join(root, 'docs', dirname(page), decodeURI(path))
  if (!existsSync(file)) throw new Error(`docs/${page} has a link to ${href}, which is not there`)
  const below = relative(join(root, 'docs'), file).split(sep).join('/')
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (!below.startsWith('..') && below.endsWith('.md')) return sitePath(path) + hash
  const kind = statSync(file).isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${relative(root, file).split(sep).join('/')}${hash}`
}

/** A page of docs may be named by its address in the repository, as README.md does; here it is a page of the site. */
function ofPage(href) {
  const found = href.startsWith(`${repository}/blob/main/docs/`) && /docs\/([^#]+\.md)(#.*)?$/.exec(href)
  return found ? `/${sitePath(found[1])}${found[2] ?? ''}` : href
}

/** @param {import('markdown-it')} md - the reader of pages */
export function withSiteLinks(md) {
  md.core.ruler.push('site-links', ({ tokens, env }) => {
    for (const { children } of tokens)
      for (const token of children ?? [])
        if (token.type === 'link_open') token.attrSet('href', siteLink(token.attrGet('href'), pageOf(env)))
  })
}

/** VitePress tells a page by its path, which is that of the site where they differ. */
const pageOf = ({ path, realPath }) =>
  relative(join(root, 'docs'), realPath ?? path)
    .split(sep)
    .join('/')
