import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithAddon } from '../../support/native.js'

const root = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'amorsize-copies-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of the package; its addon is the same file, or a file of its own. */
function makeCopy(name: string, hasOwnAddon: boolean): string {
  const copy = join(folder, name)
  mkdirSync(copy)
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  if (hasOwnAddon)
    cpSync(join(root, 'build', 'Release', 'amorsize.node'), join(copy, 'build', 'Release', 'amorsize.node'))
  else symlinkSync(join(root, 'build'), join(copy, 'build'))
  return pathToFileURL(join(copy, 'dist', 'index.js')).href
}

let again: string
let elsewhere: string
beforeAll(() => {
  again = makeCopy('again', false)
  elsewhere = makeCopy('elsewhere', true)
})

/** Runs a program of its own in which `first` and `second` are evaluations of the package; what it prints. */
async function run(second: string, code: string): Promise<unknown> {
  const text = `
    const first = await import(${JSON.stringify(pathToFileURL(join(root, 'dist', 'index.js')).href)})
    const second = await import(${JSON.stringify(second)})
    if (first.Bulkhead === second.Bulkhead) throw new Error('evaluated once only')
    const say = (value) => process.stdout.write(JSON.stringify(value))
    ${code}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text], {
    timeout: 60_000,
    env: { ...process.env, NODE_V8_COVERAGE: undefined },
  })
  return JSON.parse(stdout)
}

const BULKHEADS = `
  const limits = { name: 'slots', maxConcurrent: 1, maxQueue: 10 }
  const [one, other] = [first.bulkhead(limits), second.bulkhead(limits)]
  const order = []
  let end
  const held = one.execute(() => new Promise((resolve) => (end = resolve)))
  const waiting = [other, one, other].map((each, i) => each.execute(() => { order.push(i) }))
  order.push('held')
  end()
  await Promise.all([held, ...waiting])
  say(order)`

const BREAKERS = `
  const options = { name: 'api', failureThreshold: 1, resetTimeoutMs: 60_000 }
  const [one, other] = [first.circuitBreaker(options), second.circuitBreaker(options)]
  const alive = setTimeout(() => undefined, 60_000)
  const heard = new Promise((resolve) => { other.on('open', () => resolve('open')) })
  one.on('open', () => undefined)
  await one.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
  say([await heard, other.state])
  clearTimeout(alive)`

const BUCKETS = `
  const policy = { name: 'github', requestsPerSecond: 1e-6, burstSize: 10 }
  const limiters = [new first.RateLimiter(policy), new second.RateLimiter(policy)]
  let admitted = 0
  for (let i = 0; i < 30; i++) if (limiters[i % 2].tryAcquire()) admitted++
  say(admitted)`

describeWithAddon('a program that evaluates the package a second time, with the same addon', () => {
  it('hands permits from one evaluation to the other', async () => {
    expect(await run(again, BULKHEADS)).toEqual(['held', 0, 1, 2])
  })
  it('tells the listeners of both of a breaker’s transitions', async () => {
    expect(await run(again, BREAKERS)).toEqual(['open', 'open'])
  })
  it('has one bucket for a name', async () => {
    expect(await run(again, BUCKETS)).toBe(10)
  })
})

describeWithAddon('a program that has the package twice, each with an addon of its own', () => {
  it('has one bucket for a name', async () => {
    expect(await run(elsewhere, BUCKETS)).toBe(10)
  })
  it('hands permits from one copy to the other', async () => {
    expect(await run(elsewhere, BULKHEADS)).toEqual(['held', 0, 1, 2])
  })
  it('tells the listeners of both of a breaker’s transitions', async () => {
    expect(await run(elsewhere, BREAKERS)).toEqual(['open', 'open'])
  })
  it('has one bucket for a name though no thread has both, and after the first has ended', async () => {
    const code = (url: string): string =>
      `Promise.all([import(${JSON.stringify(url)}), import('node:worker_threads')]).then(([{ RateLimiter }, { parentPort }]) => {
        const limiter = new RateLimiter({ name: 'github', requestsPerSecond: 1e-6, burstSize: 10 })
        let n = 0
        while (n < 6 && limiter.tryAcquire()) n++
        parentPort.postMessage(n)
      })`
    const program = `
      import { Worker } from 'node:worker_threads'
      const ask = (code) => new Promise((resolve, reject) => {
        let said
        new Worker(code, { eval: true }).on('message', (n) => (said = n)).on('error', reject).on('exit', () => resolve(said))
      })
      const [one, two] = ${JSON.stringify([code(again), code(elsewhere)])}
      process.stdout.write(JSON.stringify([await ask(one), await ask(two), await ask(one)]))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      timeout: 60_000,
      env: { ...process.env, NODE_V8_COVERAGE: undefined },
    })
    expect(JSON.parse(stdout)).toEqual([6, 4, 0])
  })
})
