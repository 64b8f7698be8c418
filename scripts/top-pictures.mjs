// Makes the pictures of `amorsize top` for docs: the page in headless Chromium at 1280 and 390 pixels, light and dark (docs/img/top-web*.png),
// and the terminal at 120, 80 and 40 columns in tmux, which it prints. Look at them after a change of src/cli/top.
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { root } from './support/project.mjs'

const CHROMIUM = '/usr/bin/chromium'
const cli = join(root, 'dist/bundle/cli.cjs')
const WATCHED_MS = 20_000

if (process.argv[2] === 'work') await work()
else await show()

/** A program with limits that have something to do. */
async function work() {
  const { bulkhead, circuitBreaker, KeyedRateLimiter, RateLimiter } = await import('../dist/bundle/index.js')
  const shared = (name) => ({ name: `demo ${name}`, scope: 'machine' })
  const api = new RateLimiter({ ...shared('api'), requestsPerSecond: 200, burstSize: 50 })
  const model = new RateLimiter({ ...shared('model tokens'), requestsPerSecond: 500, burstSize: 4000 })
  const orders = circuitBreaker({ ...shared('orders'), failureThreshold: 5, resetTimeoutMs: 2000 })
  const slots = bulkhead({ ...shared('データベース'), maxConcurrent: 8, maxQueue: 100 })
  const users = new KeyedRateLimiter({ ...shared('users'), requestsPerSecond: 1, burstSize: 5, capacity: 400 })
  const startedMs = performance.now()
  const wave = () => Math.sin((performance.now() - startedMs) / 2000)
  const pause = () => sleep(10 + 20 * Math.random())
  const loops = [
    async () => {
      for (let i = 0; i < 6 + 5 * wave(); i++) api.tryAcquire()
      await pause()
    },
    async () => {
      await model.acquire(100 + Math.random() * 400)
    },
    async () => {
      for (let i = 0; i < 4 + 3 * wave(); i++) users.tryAcquire(Math.floor(300 * Math.random()))
      await pause()
    },
    async () => {
      const fails = wave() > 0.6
      await orders.execute(() => (fails ? Promise.reject(new Error('down')) : 1)).catch(() => undefined)
      await pause()
    },
    ...Array.from({ length: 4 }, () => async () => {
      await slots.execute(() => sleep(20 + 15 * wave()))
      await pause()
    }),
  ]
  for (const loop of loops) {
    void (async () => {
      for (;;) await loop()
    })()
  }
  process.on('disconnect', () => process.exit())
}

async function show() {
  const workers = [1, 2].map(() => fork(fileURLToPath(import.meta.url), ['work']))
  const server = spawn(process.execPath, [cli, 'top', '--web', '--interval', '250', '--filter', 'demo'])
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    const [text] = await once(server.stdout, 'data')
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(/http:\S+/.exec(String(text))[0])
    await sleep(WATCHED_MS)
    for (const button of (await page.locator('tbody button').all()).slice(0, 2)) await button.click()
    for (const [width, height] of [
      [1280, 900],
      [390, 844],
    ])
      for (const colorScheme of ['light', 'dark']) {
        await page.setViewportSize({ width, height })
        await page.emulateMedia({ colorScheme })
        await sleep(1000)
        const name = ['top-web', ...(width === 390 ? ['390'] : []), ...(colorScheme === 'dark' ? ['dark'] : [])].join(
          '-',
        )
        await page.screenshot({ path: join(root, `docs/img/${name}.png`) })
      }
    for (const columns of [120, 80, 40]) console.log(`${columns} columns\n${await terminal(columns)}`)
  } finally {
    await browser.close()
    server.kill()
    for (const worker of workers) worker.kill()
    await Promise.all(workers.map((worker) => once(worker, 'exit')))
    execFileSync(process.execPath, [cli, 'shm', 'remove', '--unused', '--filter', 'demo '])
  }
}

/** What a terminal of so many columns shows after some seconds. */
async function terminal(columns) {
  const session = `amorsize-top-${process.pid}`
  const tmux = (...args) => execFileSync('tmux', ['-u', ...args], { encoding: 'utf8' })
  tmux(
    'new-session',
    '-d',
    '-s',
    session,
    '-x',
    String(columns),
    '-y',
    '12',
    process.execPath,
    cli,
    'top',
    '--filter',
    'demo',
  )
  try {
    await sleep(4000)
    return tmux('capture-pane', '-p', '-t', session)
  } finally {
    tmux('kill-session', '-t', session)
  }
}
