// Walks the built site (`npm run docs`) in headless Chromium. Addresses of pages are those of the files; links are read from the HTML.
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Browser, CHROMIUM, faultsOf, openBrowser, type Page, withoutChromium } from '../support/chromium.js'
import { fileFor, pagesOfSite, serveSite, SITE } from './server.js'

const withoutSite = !existsSync(SITE)
const all = withoutSite ? [] : pagesOfSite()
/** Those that are made from docstrings are alike: of their hundreds a few are looked at in the browser. */
const written = all.filter((page) => !page.startsWith('/api/'))
const looked = [...written, ...all.filter((page) => page.startsWith('/api/')).filter((_, i) => i % 12 === 0)]
const PHONE = { width: 390, height: 844 }
const DESK = { width: 1280, height: 900 }

describe.skipIf(withoutSite)('the files of the site (skipped until npm run docs has built it)', () => {
  const htmlOf = (page: string): string => readFileSync(fileFor(page)!, 'utf8')
  const idsOf = (page: string): Set<string> =>
    new Set([...htmlOf(page).matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!))

  it('are a page for each page of docs, and the API', () => {
    expect(written.length).toBeGreaterThanOrEqual(48)
    expect(all.length - written.length).toBeGreaterThan(150)
    for (const page of ['/', '/play/', '/cookbook/', '/policies/retry', '/api/', '/troubleshooting'])
      expect(all).toContain(page)
  })

  it('have links that lead to pages and headings that are there', () => {
    const ids = new Map<string, Set<string>>()
    const broken: string[] = []
    let checked = 0
    for (const page of all)
      for (const [, href] of htmlOf(page).matchAll(/<a [^>]*?href="([^"]+)"/g)) {
        if (/^[a-z]+:/.test(href!)) continue
        checked++
        const { pathname, hash } = new URL(href!.replaceAll('&amp;', '&'), `http://site${page}`)
        const file = fileFor(pathname)
        if (file === undefined) broken.push(`${page}: ${href!}`)
        else if (hash !== '') {
          if (!ids.has(file)) ids.set(file, idsOf(pathname))
          const id = decodeURIComponent(hash.slice(1))
          if (!ids.get(file)!.has(id)) broken.push(`${page}: ${href!}`)
        }
      }
    expect(checked).toBeGreaterThan(5000)
    expect(broken).toEqual([])
  })
})

describe.skipIf(withoutSite || withoutChromium)(
  `the site in a browser (skipped without a built site or ${CHROMIUM})`,
  () => {
    let browser: Browser
    let url: string
    let close: () => void

    beforeAll(async () => {
      const served = await serveSite()
      ;({ url } = served)
      close = () => served.server.close()
      browser = await openBrowser()
    })
    afterAll(async () => {
      await browser.close()
      close()
    })

    const opened = async (path: string, viewport = DESK): Promise<{ page: Page; faults: string[] }> => {
      const page = await browser.newPage({ viewport })
      const faults = faultsOf(page)
      const answer = await page.goto(url + path)
      expect(answer?.status()).toBe(200)
      return { page, faults }
    }

    it('shows each page on a telephone without an error and without scrolling sideways', async () => {
      const { page, faults } = await opened('/', PHONE)
      const wrong: string[] = []
      for (const path of looked) {
        await page.goto(url + path)
        await page.locator('#VPContent h1, #VPContent h2').first().waitFor()
        const width = await page.evaluate<number>('document.documentElement.scrollWidth')
        if (width > PHONE.width) wrong.push(`${path}: ${width} px wide`)
        for (const fault of faults.splice(0)) wrong.push(`${path}: ${fault}`)
      }
      expect(wrong).toEqual([])
      expect(looked.length).toBeGreaterThan(60)
      await page.close()
    })

    it('cuts no block of code of a written page on a desk, wide or narrow', async () => {
      const { page } = await opened('/')
      const cut = new Set<string>()
      for (const path of written) {
        await page.goto(url + path)
        await page.locator('#VPContent h1, #VPContent h2').first().waitFor()
        for (const width of [1280, 1440]) {
          await page.setViewportSize({ width, height: DESK.height })
          const blocks = await page.evaluate<string[]>(
            `[...document.querySelectorAll('.vp-doc pre:not(.mermaid)')].filter((pre) => pre.scrollWidth > pre.clientWidth).map((pre) => pre.textContent.trim().slice(0, 40))`,
          )
          for (const block of blocks) cut.add(`${path} at ${width}: ${block}`)
        }
      }
      expect([...cut]).toEqual([])
      await page.close()
    })

    it('shows how to install it, and its first program, without scrolling', async () => {
      const { page } = await opened('/')
      await page.locator('.program pre').nth(1).waitFor()
      expect(await page.locator('.program pre').allTextContents()).toEqual([
        'npm install amorsize',
        readFileSync('examples/quick-start.mjs', 'utf8').trimEnd(),
      ])
      const bottom = await page.evaluate<number>(`document.querySelector('.program').getBoundingClientRect().bottom`)
      expect(bottom).toBeLessThan(DESK.height)
      await page.close()
    })

    it('finds what is searched for', async () => {
      const { page, faults } = await opened('/')
      await page.locator('.DocSearch-Button').first().click()
      await page.locator('#localsearch-input').fill('ERR_RATE_LIMIT_EXCEEDED')
      await page.locator('#localsearch-list a').first().waitFor()
      const found = await page.locator('#localsearch-list a').allTextContents()
      expect(found.join(' ')).toContain('Troubleshooting')
      await page.locator('#localsearch-list a').first().click()
      await expect.poll(() => page.evaluate<string>('location.pathname')).not.toBe('/')
      expect(faults).toEqual([])
      await page.close()
    })

    it('is dark where the reader wants it so, and changes on a click', async () => {
      const page = await browser.newPage({ viewport: DESK, colorScheme: 'dark' })
      const lightness = (): Promise<number> =>
        page.evaluate(
          `getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3`,
        )
      await page.goto(`${url}/guarantees`)
      expect(await lightness()).toBeLessThan(60)
      await page.locator('.VPNavBar .VPSwitchAppearance').first().click()
      await expect.poll(lightness).toBeGreaterThan(200)
      await page.close()
    })

    it('draws the decision trees', async () => {
      const { page, faults } = await opened('/which-part')
      await page.locator('pre.mermaid svg').nth(2).waitFor()
      expect((await page.locator('pre.mermaid svg').first().textContent())!).toContain('RedisRateLimiter')
      // In type that can be read: mermaid draws 16 px, and the page may make it a little smaller.
      const scales = await page.evaluate<number[]>(
        `[...document.querySelectorAll('pre.mermaid svg')].map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)`,
      )
      expect(Math.min(...scales)).toBeGreaterThan(0.8)
      expect(faults).toEqual([])
      await page.close()
    })
  },
)
