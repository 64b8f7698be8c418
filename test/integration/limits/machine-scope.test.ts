import { expect, it, vi } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { describeMachine, filesOf, machineName, runScript, startScript } from '../../support/machine.js'

const ALMOST_NEVER = 1e-6
const DRAIN = 'let n = 0; while (limiter.tryAcquire()) n++; say(n)'
const SPIN = (ms: number): string =>
  `let n = 0; const end = performance.now() + ${ms}; while (performance.now() < end) if (limiter.tryAcquire()) n++; say(n)`

const sum = (values: readonly unknown[]): number =>
  values.reduce<number>((total, value) => total + (value as number), 0)

describeMachine('processes that use one name of the machine', () => {
  it('share a bucket to the token', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 100_000,
    } as const
    const counts = await Promise.all([1, 2, 3, 4].map(() => runScript(policy, DRAIN)))
    expect(sum(counts)).toBe(100_000)
    // It outlasts them all: a worker that is started again gets no fresh quota.
    expect(await runScript(policy, DRAIN)).toBe(0)
    expect(filesOf(policy.name)).toHaveLength(1)
  })

  it('are admitted at the rate of one', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 2000, burstSize: 20_000 } as const
    const startedMs = performance.now()
    const counts = await Promise.all([1, 2, 3].map(() => runScript(policy, SPIN(1000))))
    const tookS = (performance.now() - startedMs) / 1e3
    // With a bucket each it would be three times as many.
    expect(sum(counts)).toBeLessThanOrEqual(20_000 + 2000 * tookS)
    expect(sum(counts)).toBeGreaterThanOrEqual(20_000)
  })

  it('take their turns when they wait, in acquire and acquireSync alike', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 100, burstSize: 1 } as const
    new RateLimiter(policy)
    const waits = [
      'for (let i = 0; i < 20; i++) await limiter.acquire(); say(performance.now())',
      'for (let i = 0; i < 20; i++) limiter.acquireSync(); say(performance.now())',
    ]
    const startedMs = performance.now()
    await Promise.all(waits.map((code) => runScript(policy, code)))
    const tookMs = performance.now() - startedMs
    // 40 tokens, of which one is there at once.
    expect(tookMs).toBeGreaterThan(385)
    expect(tookMs).toBeLessThan(20_000)
  })

  it('see each other’s changes at once', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: ALMOST_NEVER, burstSize: 10 } as const
    const mine = new RateLimiter(policy)
    const other = startScript(
      policy,
      'limiter.update({ burstSize: 4 }); say(0); process.stdin.ref(); await new Promise((go) => process.stdin.once("data", go)); limiter.reset(); say(limiter.getAvailableTokens()); process.stdin.unref()',
    )
    await other.next()
    expect(mine.policy.burstSize).toBe(4)
    expect([mine.tryAcquire(4), mine.tryAcquire()]).toEqual([true, false])
    other.child.stdin!.write('\n')
    expect(await other.next()).toBe(4)
    expect(mine.tryAcquire(4)).toBe(true)
    await other.ended
  })

  it('and worker threads of each share it too', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 30_000,
    } as const
    const code = `
      const { Worker } = await import('node:worker_threads')
      const source = \`import('${new URL('../../../dist/index.js', import.meta.url).href}').then(({ RateLimiter }) => {
        const limiter = new RateLimiter(require('node:worker_threads').workerData)
        let n = 0
        while (limiter.tryAcquire()) n++
        require('node:worker_threads').parentPort.postMessage(n)
      })\`
      const counts = await Promise.all([1, 2].map(() => new Promise((resolve, reject) => new Worker(source, { eval: true, execArgv: [], workerData: policy }).on('message', resolve).on('error', reject))))
      say(counts[0] + counts[1])`
    const counts = await Promise.all([1, 2].map(() => runScript(policy, code)))
    expect(sum(counts)).toBe(30_000)
  })

  it('of a cluster as well, whose workers are replaced', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 20_000,
    } as const
    const code = `
      const { default: cluster } = await import('node:cluster')
      const { writeFileSync, rmSync } = await import('node:fs')
      const { tmpdir } = await import('node:os')
      const { join } = await import('node:path')
      const file = join(tmpdir(), 'amorsize-cluster-' + process.pid + '.mjs')
      writeFileSync(file, ${JSON.stringify(`
        import { RateLimiter } from '${new URL('../../../dist/index.js', import.meta.url).href}'
        const limiter = new RateLimiter(JSON.parse(process.argv[2]))
        let n = 0
        const most = Number(process.argv[3])
        while (n < most && limiter.tryAcquire()) n++
        process.send(n, () => process.exit(0))`)})
      const run = (most) => new Promise((resolve, reject) => {
        cluster.setupPrimary({ exec: file, execArgv: [], args: [JSON.stringify(policy), String(most)] })
        cluster.fork().on('message', resolve).on('error', reject)
      })
      const first = await Promise.all([run(3000), run(3000)])
      const rest = await Promise.all([run(Infinity), run(Infinity)])
      rmSync(file)
      say([...first, ...rest])`
    const counts = (await runScript(null, `const policy = ${JSON.stringify(policy)}; ${code}`)) as number[]
    expect(counts.slice(0, 2)).toEqual([3000, 3000])
    expect(sum(counts)).toBe(20_000)
  })

  it('that are killed leave it usable and exact', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 1_000_000,
    } as const
    const victims = [1, 2, 3].map(() =>
      startScript(
        policy,
        'say(0); for (;;) { limiter.tryAcquire(); limiter.refund(1); limiter.update({ burstSize: 1_000_000 }) }',
      ),
    )
    await Promise.all(victims.map((victim) => victim.next()))
    for (const victim of victims) victim.child.kill('SIGKILL')
    await Promise.all(victims.map((victim) => victim.ended))
    const limiter = new RateLimiter(policy)
    // Each may have died with a token in its hand.
    expect(limiter.getAvailableTokens()).toBeGreaterThanOrEqual(1_000_000 - 3)
    limiter.update({ burstSize: 10 })
    limiter.reset()
    expect([limiter.tryAcquire(10), limiter.tryAcquire()]).toEqual([true, false])
  })

  it('that are killed as they wait for the end of a pause keep nobody waiting', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 1, burstSize: 1 } as const
    const waiter = startScript(
      policy,
      'limiter.pauseFor(60_000); for (let i = 0; i < 50; i++) void limiter.acquire(); say(0); await new Promise(() => setInterval(() => 0, 1000))',
    )
    await waiter.next()
    const limiter = new RateLimiter(policy)
    expect(limiter.retryAfterMs()).toBeGreaterThan(100_000)
    waiter.child.kill('SIGKILL')
    await waiter.ended
    await vi.waitFor(() => expect(limiter.retryAfterMs()).toBeLessThan(61_001), 10_000)
  })
})
