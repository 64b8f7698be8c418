import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { circuitBreaker, RateLimiter } from '../../../dist/index.js'
import { type Browser, CHROMIUM, faultsOf, openBrowser, withoutChromium } from '../../support/chromium.js'
import { describeMachine, filesOf, machineName, removeLater, runScript, startScript } from '../../support/machine.js'
import { amorsize, main } from '../support/command-line.js'

const servers: ChildProcess[] = []
let browser: Browser | undefined
afterAll(async () => {
  await browser?.close()
  for (const server of servers) server.kill('SIGKILL')
})

/** Starts `amorsize top --web`; resolves to its address. */
function serve(...args: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [main, 'top', '--web', '--interval', '200', ...args])
  servers.push(child)
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0]
      if (url !== undefined) resolve({ url, child })
    })
    child.on('exit', () => reject(new Error('it ended without an address')))
  })
}

/** What the server answers to a request that says to be for `host`. */
function answer(
  url: string,
  path: string,
  host = new URL(url).host,
  method = 'GET',
): Promise<{ status: number | undefined; type: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { method, headers: { host } }, (response) => {
      response.destroy()
      resolve({ status: response.statusCode, type: response.headers['content-type'] })
    })
      .on('error', reject)
      .end()
  })
}

it('says at once that names cannot be listed without the addon', () => {
  const env = { ...process.env, AMORSIZE_NATIVE: '0' }
  const ended = spawnSync(process.execPath, [main, 'top', '--web'], { env, encoding: 'utf8', timeout: 10_000 })
  expect(ended).toMatchObject({ status: 1, stdout: '' })
  expect(ended.stderr).toMatch(/^amorsize: .*\n$/)
})

describeMachine('amorsize top --web', () => {
  it('answers this machine alone, and only what it has', async () => {
    const { url, child } = await serve()
    expect(await answer(url, '/')).toEqual({ status: 200, type: 'text/html; charset=utf-8' })
    expect(await answer(url, '/uplot.js')).toMatchObject({ status: 200 })
    expect(await answer(url, '/events')).toEqual({ status: 200, type: 'text/event-stream' })
    expect(await answer(url, '/../package.json')).toMatchObject({ status: 404 })
    expect(await answer(url, '/', undefined, 'POST')).toMatchObject({ status: 405 })
    expect(await answer(url, '/events', 'rebound.example:80')).toMatchObject({ status: 403 })
    expect(await amorsize(['top', '--web', '--port', new URL(url).port])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is in use; choose another'),
    })
    child.kill('SIGINT')
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
  })

  it('answers on the usual port, which browsers leave out', async ({ skip }) => {
    const served = await serve('--port', '80').catch(() => undefined)
    if (served === undefined) return skip('port 80 is not for this user, or in use')
    const { url } = served
    expect(await answer(url, '/', '127.0.0.1')).toMatchObject({ status: 200 })
    expect(await answer(url, '/', 'localhost:80')).toMatchObject({ status: 200 })
    expect(await answer(url, '/', 'rebound.example')).toMatchObject({ status: 403 })
  })

  it('keeps nothing for a page that does not read: it gets what is there once it reads again', async () => {
    const name = machineName()
    // As much as fills the buffers of a connection soon.
    const limiters = Array.from(
      { length: 300 },
      (_, n) => new RateLimiter({ name: `${name} ${n} ${'x'.repeat(100)}`, scope: 'machine', requestsPerSecond: 1 }),
    )
    const { url } = await serve('--filter', name, '--interval', '100')
    const listen = (): Promise<IncomingMessage> =>
      new Promise((resolve) => request(new URL('/events', url), resolve).end())
    const timesOf = (stream: IncomingMessage): number[] => {
      const times: number[] = []
      let text = ''
      stream.setEncoding('utf8').on('data', (more: string) => {
        text = text.slice(-40) + more
        for (const found of text.matchAll(/data: {"at":"([^"]{24})"/g)) times.push(Date.parse(found[1] ?? ''))
        text = text.replaceAll('data: ', '')
      })
      return times
    }
    const [slow, live] = [await listen(), await listen()]
    const liveTimes = timesOf(live)
    await expect.poll(() => liveTimes.length, { timeout: 60_000 }).toBeGreaterThan(100)
    const slowTimes = timesOf(slow)
    const last = liveTimes.at(-1) ?? 0
    await expect.poll(() => slowTimes.at(-1) ?? 0, { timeout: 20_000 }).toBeGreaterThan(last)
    expect(slowTimes.length).toBeLessThan(liveTimes.length - 20)
    for (const stream of [slow, live]) stream.destroy()
    expect(limiters).toHaveLength(300)
  })

  it.skipIf(withoutChromium)(`draws the charts in a browser (skipped without ${CHROMIUM})`, async () => {
    const policy = {
      name: `${machineName()}<img src=x onerror=alert(1)>`.replaceAll('/', ''),
      scope: 'machine',
      requestsPerSecond: 200,
      burstSize: 20,
    }
    circuitBreaker({ name: `${policy.name} breaker`, scope: 'machine' })
    const busy = startScript(
      policy,
      'setInterval(() => { for (let i = 0; i < 8; i++) limiter.tryAcquire() }, 20); say(0)',
    )
    await busy.next()
    const { url, child } = await serve('--filter', policy.name)
    browser = await openBrowser()
    const page = await browser.newPage()
    const faults = faultsOf(page)
    await page.goto(url)
    await page.locator('tbody').nth(1).waitFor()
    // The limiter refuses calls, the breaker is closed: worst first.
    await expect.poll(() => page.locator('tbody tr.tight button').allTextContents()).toEqual([policy.name])
    expect(await page.locator('tbody button').allTextContents()).toEqual([policy.name, `${policy.name} breaker`])
    expect(await page.locator('tbody td:nth-child(3)').allTextContents()).toEqual([
      expect.stringMatching(/ of 20/) as string,
      'closed',
    ])
    expect(await page.locator('canvas').count()).toBe(0)
    for (const button of await page.locator('tbody button').all()) await button.click()
    await page.locator('tbody canvas').nth(2).waitFor()
    // Values are there without a mouse.
    await expect.poll(() => page.locator('.u-value').first().textContent()).toMatch(/^\d\d:\d\d:\d\d$/)
    await expect
      .poll(() => page.evaluate<number>(`document.querySelector("polyline").points.length`))
      .toBeGreaterThan(2)
    expect(await page.locator('.facts').first().textContent()).toContain(
      `limiter, 200/s, burst 20, process ${busy.child.pid ?? 0}`,
    )
    expect(await page.locator('.u-title').allTextContents()).toEqual(['tokens', 'decisions per second', 'breaker'])
    expect(await page.locator('#status').textContent()).toBe('2 names')

    // Something is drawn in all charts, in the colours of the lines.
    const coloured = (): Promise<number[]> =>
      page.evaluate(`[...document.querySelectorAll('tbody canvas')].map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let count = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 90) count++
        return count
      })`)
    await expect.poll(async () => Math.min(...(await coloured())), { timeout: 20_000 }).toBeGreaterThan(100)

    // The lines of the grid have the colours of the scheme, also when that changes.
    const pixels = ([red, green, blue]: readonly number[]): Promise<number> =>
      page.evaluate(`(() => {
        const canvas = document.querySelector('tbody canvas')
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let count = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && data[i] === ${red} && data[i + 1] === ${green} && data[i + 2] === ${blue}) count++
        return count
      })()`)
    for (const [colorScheme, own, other] of [
      ['dark', [0x2a, 0x2e, 0x37], [0xec, 0xee, 0xf2]],
      ['light', [0xec, 0xee, 0xf2], [0x2a, 0x2e, 0x37]],
    ] as const) {
      await page.emulateMedia({ colorScheme })
      await expect.poll(() => pixels(own), { timeout: 20_000 }).toBeGreaterThan(100)
      expect(await pixels(other)).toBe(0)
    }
    // On a telephone charts stand one below the other, and nothing has to be scrolled sideways.
    await page.setViewportSize({ width: 390, height: 800 })
    const widths = (): Promise<number[]> =>
      page.evaluate(
        `[document.documentElement.scrollWidth, ...[...document.querySelectorAll('tbody canvas')].map((canvas) => canvas.getBoundingClientRect().width)]`,
      )
    await expect.poll(async () => Math.max(...(await widths())), { timeout: 20_000 }).toBeLessThanOrEqual(390)
    expect(Math.min(...(await widths()).slice(1))).toBeGreaterThan(300)
    await page.setViewportSize({ width: 1280, height: 800 })

    await page.locator('#filter').fill('something else')
    expect(await page.locator('tbody').first().isVisible()).toBe(false)
    await page.locator('#filter').fill('')
    expect(await page.locator('tbody').first().isVisible()).toBe(true)
    await page.locator('tbody button').first().click()
    expect(await page.locator('.u-title').allTextContents()).toEqual(['breaker'])
    child.kill('SIGINT')
    await expect.poll(() => page.locator('#status').textContent(), { timeout: 20_000 }).toBe('amorsize top has ended')
    expect(faults.filter((fault) => !fault.includes('ERR_CONNECTION') && !fault.includes('ERR_INCOMPLETE'))).toEqual([])
    busy.child.kill('SIGKILL')
  })

  it.skipIf(withoutChromium)(`shows what could not be read at first (skipped without ${CHROMIUM})`, async () => {
    const name = machineName()
    await runScript({ name, scope: 'machine', requestsPerSecond: 1 }, 'say(0)')
    const file = removeLater(filesOf(name)[0]!)
    const whole = readFileSync(file)
    writeFileSync(file, whole.subarray(0, 0))
    const { url } = await serve()
    browser ??= await openBrowser()
    const page = await browser.newPage()
    await page.goto(url)
    const headings = (): Promise<string[]> => page.locator('tbody button').allTextContents()
    await expect.poll(headings, { timeout: 20_000 }).toContain(file)
    writeFileSync(file, whole)
    await expect.poll(headings, { timeout: 20_000 }).toContain(name)
    expect(await headings()).not.toContain(file)
    await page.getByRole('button', { name, exact: true }).click()
    expect(await page.locator('tbody canvas').count()).toBe(2)
    await page.close()
  })

  it.skipIf(withoutChromium)(`keeps to --sort as values change (skipped without ${CHROMIUM})`, async () => {
    const name = machineName()
    const make = (letter: string) =>
      new RateLimiter({ name: `${name} ${letter}`, scope: 'machine', requestsPerSecond: 1e-6, burstSize: 10 })
    const [a, b, c] = ['a', 'b', 'c'].map(make) as [RateLimiter, RateLimiter, RateLimiter]
    b.tryAcquire(2)
    c.tryAcquire(4)
    const { url } = await serve('--filter', name, '--sort', 'tokens')
    browser ??= await openBrowser()
    const page = await browser.newPage()
    await page.goto(url)
    const order = async (): Promise<string> =>
      (await page.locator('tbody button').allTextContents()).map((text) => text.at(-1)).join('')
    await expect.poll(order, { timeout: 20_000 }).toBe('abc')
    a.tryAcquire(9)
    await expect.poll(order, { timeout: 20_000 }).toBe('bca')
    make('d')
    await expect.poll(order, { timeout: 20_000 }).toBe('dbca')
    await page.close()
  })

  it('says how to install the charts where they are not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'amorsize-no-uplot-'))
    // This repository has the library for its own tests; seen from a bundle elsewhere it is not there.
    const root = join(import.meta.dirname, '../../..')
    for (const part of ['dist', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true })
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
    mkdirSync(join(folder, 'node_modules'))
    for (const name of Object.keys(dependencies))
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    symlinkSync(join(root, 'build'), join(folder, 'build'))
    try {
      const ended = await new Promise<{ code: number | null; text: string }>((resolve) => {
        const child = spawn(process.execPath, [join(folder, 'dist', 'cli', 'main.js'), 'top', '--web'], { cwd: folder })
        let text = ''
        child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        child.on('close', (code) => resolve({ code, text }))
      })
      expect(ended).toEqual({
        code: 1,
        text: 'amorsize: --web draws with uplot, which is not installed here; run: npm install uplot\n',
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
