// Makes docs/img/play.png, the picture of the playground for those who read its page elsewhere, from the built site (`npm run docs`) in
// headless Chromium. Look at it after a change of docs/play.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { root } from './support/project.mjs'

const CHROMIUM = '/usr/bin/chromium'
const PORT = 41_937
const site = join(root, 'site')

const server = spawn(process.execPath, ['node_modules/vitepress/bin/vitepress.js', 'preview', '--port', String(PORT)], {
  cwd: site,
})
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
try {
  await once(server.stdout, 'data')
  const page = await browser.newPage({ viewport: { width: 1000, height: 1300 }, deviceScaleFactor: 1.5 })
  await page.goto(`http://localhost:${PORT}/play/`)
  const time = page.locator('#play-time')
  await time.waitFor()
  await page.locator('#play button:text-is("Pause")').click()
  await page.locator('#play button:text-is("Start again")').click()
  const set = (key, value) =>
    page.locator(`#play-set-${key}`).evaluate((input, to) => {
      input.value = to
      input.dispatchEvent(new Event('input'))
    }, value)
  // Six seconds in order, then an outage, then in order again.
  await set('arrivalsPerSecond', '14')
  await set('failures', '0')
  await runFor(page, time, 6)
  await set('failures', '100')
  await runFor(page, time, 4)
  await set('failures', '0')
  await runFor(page, time, 5)
  await page.locator('#play').screenshot({ path: join(root, 'docs/img/play.png') })
} finally {
  await browser.close()
  server.kill()
}

async function runFor(page, time, seconds) {
  const at = async () => parseFloat(await time.textContent())
  const until = (await at()) + seconds
  await page.locator('#play button:text-is("Run")').click()
  while ((await at()) < until) await page.waitForTimeout(100)
  await page.locator('#play button:text-is("Pause")').click()
}
