// The playground runs the sources of the package in a browser, where what they take from Node is site/browser-node.mjs. That has to have all of it.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const site = fileURLToPath(new URL('../../site/', import.meta.url))

it('what the playground is made of runs on what the site has of Node', async () => {
  const program = `
    import { productForBrowsers } from './bundled-product.mjs'
    const product = productForBrowsers()
    const code = await product.load(product.resolveId('amorsize'))
    const { bulkhead, circuitBreaker, FakeClock, RateLimiter } = await import('data:text/javascript,' + encodeURIComponent(code))
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    const served = Promise.all([limiter.acquire(), limiter.acquire()]).then(() => clock.now())
    await clock.advance(1000)
    const guarded = await circuitBreaker({ clock }).execute(() => bulkhead({ maxConcurrent: 1, clock }).execute(() => 'done'))
    console.log(JSON.stringify([await served, guarded, limiter.tryAcquire()]))
    process.exit()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: site })
  expect(JSON.parse(stdout)).toEqual([100, 'done', true])
})
