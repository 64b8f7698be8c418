import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { bulkhead, circuitBreaker, RateLimiter } from '../../../dist/index.js'
import { describeMachine, machineName } from '../../support/machine.js'
import { sharedMemoryName } from '../../../dist/memory/machine/regions.js'
import { amorsize, main } from '../support/command-line.js'

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts the exporter; resolves to its address. */
async function serve(...args: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [main, 'metrics', '--port', '0', ...args])
  children.push(child)
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: /http:\S+/.exec(text.toString())?.[0] ?? '', child }
}

describeMachine('amorsize metrics', () => {
  it('shows what another process shares, as it is at each scrape', async () => {
    const name = machineName()
    const { url } = await serve()
    const limiter = new RateLimiter({ name, scope: 'machine', requestsPerSecond: 0.001, burstSize: 5 })
    const scrape = async () => {
      const response = await fetch(url)
      expect(response.headers.get('content-type')).toContain('version=0.0.4')
      const lines = (await response.text()).split('\n').filter((line) => line.includes(`name="${name}"`))
      return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]))
    }
    const key = (metric: string) =>
      `amorsize_machine_limiter_${metric}{name="${name}",scope="machine",machine="${sharedMemoryName()}"}`
    expect(await scrape()).toMatchObject({ [key('burst_tokens')]: '5', [key('next_wait_seconds')]: '0' })
    limiter.tryAcquire(5)
    const after = await scrape()
    expect(Number(after[key('tokens')])).toBeLessThan(1)
    expect(Number(after[key('next_wait_seconds')])).toBeGreaterThan(100)
    limiter[Symbol.dispose]()
  })

  it('shows breakers and bulkheads, and names of any characters', async () => {
    const name = `${machineName()} "a"\n\\b`
    circuitBreaker({ name, scope: 'machine' })
    bulkhead({ name, scope: 'machine', maxConcurrent: 3 })
    const { stdout } = await amorsize(['metrics', '--once', '--prefix', 'x_'])
    const label = `name="${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
    expect(stdout).toContain(
      `x_machine_breaker_state{${label},scope="machine",machine="${sharedMemoryName()}",state="closed"} 1\n`,
    )
    expect(stdout).toContain(
      `x_machine_bulkhead_permits_limit{${label},scope="machine",machine="${sharedMemoryName()}"} 3\n`,
    )
  })

  it('answers what is no scrape, and ends when it is told to', async () => {
    const { url, child } = await serve()
    const root = new URL('/', url)
    expect((await fetch(root)).status).toBe(200)
    expect((await fetch(new URL('/else', url))).status).toBe(404)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('says that a port is in use, and what prefixes are', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const taken = await amorsize(['metrics', '--port', String(port)])
    expect(taken.code).toBe(1)
    expect(taken.stderr).toMatch(new RegExp(`port ${port} of 127.0.0.1 is in use; choose another with --port`))
    other.close()
    const bad = await amorsize(['metrics', '--once', '--prefix', '1x'])
    expect(bad.code).toBe(2)
    expect(bad.stderr).toMatch(/prefix must hold letters, digits and _ only/)
    expect((await amorsize(['metrics', '--port', '65536'])).code).toBe(2)
  })
})

it('tells of no names, and is no error, where there is no shared memory', async () => {
  const child = spawn(process.execPath, [main, 'metrics', '--once'], { env: { ...process.env, AMORSIZE_NATIVE: '0' } })
  let [text, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
  expect(await once(child, 'close')).toEqual([0, null])
  expect(errors).toBe('')
  expect(text).not.toMatch(/limiter|breaker|bulkhead/)
})
