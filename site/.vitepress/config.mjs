// The site: docs/ as it lies there, the API pages that typedoc puts into docs/api, and the playground of docs/play.
import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import { manifest, root } from '../../scripts/support/project.mjs'
import { anchorOf } from '../anchors.mjs'
import { withSiteBlocks } from '../blocks.mjs'
import { homePage } from '../home.mjs'
import { repository, sitePath, withSiteLinks } from '../links.mjs'
import { checkSidebar, forContributors, sidebar } from '../sidebar.mjs'
import { productForBrowsers } from '../bundled-product.mjs'

const docs = join(root, 'docs')

/** A bucket with three tokens in it. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 2l2 13h8l2-13" fill="none" stroke="#5672cd" stroke-width="2"/>
  <g fill="#5672cd"><circle cx="6" cy="12" r="1.7"/><circle cx="10" cy="12" r="1.7"/><circle cx="8" cy="8.4" r="1.7"/></g></svg>`

/** Drawn here, since an icon by its name would be fetched. */
const CODE =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><path d="M8 6l-6 6 6 6M16 6l6 6-6 6M14 4l-4 16"/></svg>'

/** Vue lies in site/; the pages, which are made into programs that import it, do not. */
const vueForPages = {
  name: 'vue-for-pages',
  enforce: 'pre',
  resolveId(id, importer, options) {
    if (!/^vue(\/|$)/.test(id)) return undefined
    // While pages are made, Node finds the one Vue of site/.
    if (options.ssr) return { id, external: true }
    if (!importer?.startsWith(docs)) return undefined
    return this.resolve(id, join(root, 'site', 'package.json'), { ...options, skipSelf: true })
  },
}

export default defineConfig({
  // The site may lie in a folder of its host, such as /amorsize-node/ on GitHub Pages.
  base: process.env.AMORSIZE_SITE_BASE ?? '/',
  srcDir: docs,
  srcExclude: forContributors,
  outDir: join(docs, '.site'),
  cacheDir: join(root, 'site', '.cache'),
  lang: 'en',
  title: manifest.name,
  description: manifest.description,
  cleanUrls: true,
  rewrites: sitePath,
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  markdown: {
    anchor: { slugify: anchorOf },
    config(md) {
      withSiteLinks(md)
      withSiteBlocks(md)
    },
  },
  async transformPageData(page) {
    if (page.filePath === 'README.md') Object.assign(page, await homePage(page, docs))
    // Trees are wide: they have the column of the outline, too, so that their type stays large.
    if (page.filePath === 'which-part.md') page.frontmatter.aside = false
  },
  buildEnd: ({ pages }) => checkSidebar(pages),
  vite: {
    plugins: [productForBrowsers(), vueForPages],
    server: { fs: { allow: [root] } },
    // One chunk of mermaid is larger than Vite likes; only pages with a diagram load it.
    build: { chunkSizeWarningLimit: 1500 },
  },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Start', link: '/getting-started' },
      { text: 'Cookbook', link: '/cookbook/' },
      { text: 'Playground', link: '/play/' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    socialLinks: [{ icon: { svg: CODE }, link: repository, ariaLabel: 'the repository' }],
    editLink: { pattern: `${repository}/edit/main/docs/:path` },
    footer: { message: `MIT licence · version ${manifest.version}` },
  },
})
