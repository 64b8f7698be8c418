// The playground in a browser, where its limits are the core as WebAssembly, joined for it.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Settings } from '../../docs/play/simulation.js'
import { type Browser, CHROMIUM, faultsOf, openBrowser, type Page, withoutChromium } from '../support/chromium.js'
import { serveSite, SITE } from './server.js'

const withoutSite = !existsSync(SITE)

describe.skipIf(withoutSite || withoutChromium)(
  `the playground in a browser (skipped without a built site or ${CHROMIUM})`,
  () => {
    let browser: Browser
    let page: Page
    let faults: string[]
    let close: () => void

    beforeAll(async () => {
      const served = await serveSite()
      close = () => served.server.close()
      browser = await openBrowser()
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      faults = faultsOf(page)
      await page.goto(`${served.url}/play/`)
      await page.locator('#play canvas').nth(3).waitFor()
      await page.locator('#play button').first().click()
    })
    afterAll(async () => {
      await browser.close()
      close()
    })

    const set = (key: keyof Settings, value: number): Promise<unknown> =>
      page.evaluate(
        `(() => { const input = document.querySelector('#play-set-${key}'); input.value = '${value}'; input.dispatchEvent(new Event('input')) })()`,
      )
    const text = async (id: string): Promise<string> => (await page.locator(`#play-${id}`).textContent())!
    const press = (button: string): Promise<void> => page.locator(`#play button:text-is("${button}")`).click()
    /** Starts from nothing and lets so many tens of seconds pass at once. */
    const runAfresh = async (tens: number): Promise<void> => {
      await press('Start again')
      await expect.poll(() => text('time')).toBe('0.00 s')
      for (let i = 0; i < tens; i++) await press('Skip 10 s')
      await expect.poll(() => text('time'), { timeout: 20_000 }).toBe(`${tens * 10}.00 s`)
    }

    it('admits b + r * T under overload', async () => {
      await set('requestsPerSecond', 20)
      await set('burstSize', 30)
      await set('arrivalsPerSecond', 150)
      await set('maxQueue', 0)
      await runAfresh(2)
      const most = 30 + 20 * 20
      expect(await text('bound')).toContain(`= ${most} tokens`)
      const admitted = Number(await text('admitted'))
      expect(admitted).toBeGreaterThanOrEqual(most - 1)
      expect(admitted).toBeLessThanOrEqual(most)
    })

    it('opens the breaker at the threshold', async () => {
      await set('failures', 100)
      await set('failureThreshold', 7)
      await set('resetTimeoutMs', 10_000)
      // One call at a time, so that none is under way when it opens.
      await set('burstSize', 1)
      await set('requestsPerSecond', 10)
      await set('durationMs', 50)
      await runAfresh(1)
      expect(await text('breaker')).toBe('open')
      expect(await text('failed')).toBe('7')
    })

    it('loses no caller: each has an outcome, waits, or is served', async () => {
      await set('failures', 0)
      await set('failureThreshold', 20)
      await set('requestsPerSecond', 100)
      await set('durationMs', 1000)
      await set('maxConcurrent', 3)
      await set('maxQueue', 5)
      await runAfresh(2)
      const number = async (id: string): Promise<number> => Number(await text(id))
      expect(await number('failed')).toBe(0)
      // 3 per second for 20 s, and those whose second is not over yet.
      expect(await number('succeeded')).toBeGreaterThanOrEqual(54)
      expect(await number('succeeded')).toBeLessThanOrEqual(60)
      expect(await text('bulkhead')).toBe('3 of 3 slots in use, 10 wait')
      const over =
        (await number('succeeded')) + (await number('refusedByLimiter')) + (await number('refusedByBulkhead'))
      const waiting = Number.parseInt(await text('waiters'), 10)
      expect(await number('arrived')).toBe(over + waiting + 13)
    })

    it('draws all four, in the colours of the scheme', async () => {
      const coloured = (): Promise<number[]> =>
        page.evaluate(`[...document.querySelectorAll('#play canvas')].map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let count = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 40) count++
        return count
      })`)
      await set('maxQueue', 20)
      await runAfresh(1)
      await expect.poll(async () => Math.min(...(await coloured()))).toBeGreaterThan(300)
    })

    it('goes on by itself, and stands still after Pause', async () => {
      const before = await text('time')
      await press('Run')
      await expect.poll(() => text('time')).not.toBe(before)
      await press('Pause')
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 300))')
      const stopped = await text('time')
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 300))')
      expect(await text('time')).toBe(stopped)
      expect(faults).toEqual([])
    })
  },
)
