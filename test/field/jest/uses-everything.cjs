// Jest evaluates the package anew for each test file of one process; the addon is loaded once. Each file uses what they share.
const { join } = require('node:path')

const double = join(__dirname, 'double.cjs')
const { AMORSIZE_FIELD_REDIS: redisPort } = process.env
/** Without the addon, names hold in one process. */
const scope = process.env.AMORSIZE_NATIVE === '0' ? 'process' : 'machine'
const realSetTimeout = setTimeout
const realClearTimeout = clearTimeout
const delay = (ms) => new Promise((resolve) => realSetTimeout(resolve, ms))
const hang = () => new Promise(() => {})
const failure = () => Promise.reject(new Error('down'))

/** Two callers, the second of which must wait for the first. */
async function takeTurns(policy) {
  const order = []
  const work = (n) => async () => {
    order.push(`${n} begins`)
    await delay(5)
    order.push(`${n} ends`)
  }
  await Promise.all([policy.execute(work(1)), policy.execute(work(2))])
  expect(order).toEqual(['1 begins', '1 ends', '2 begins', '2 ends'])
}

async function mustSettle(promise) {
  let timer
  const late = new Promise((resolve) => (timer = realSetTimeout(resolve, 5000, false)))
  const settled = promise.then(
    () => true,
    () => true,
  )
  expect(await Promise.race([settled, late])).toBe(true)
  realClearTimeout(timer)
}

/** The tests of one file; `file` tells one from the other. The entry points are given as that file has loaded them. */
exports.everyPartOfThePackage = (file, jest, { amorsize, testing, onBullmq }) => {
  const { bulkhead, circuitBreaker, pipeline, retry, RetryBudget, timeout } = amorsize
  const { execute, KeyedRateLimiter, RateLimiter, stream, task } = amorsize

  describe(`the ${file} file of a process`, () => {
    afterEach(() => {
      jest.useRealTimers()
    })

    it('waits in a bulkhead', () => takeTurns(bulkhead({ maxConcurrent: 1 })))
    it('waits in a bulkhead with a name', () => takeTurns(bulkhead({ maxConcurrent: 1, name: 'jest' })))
    it('waits in a bulkhead of the machine', () =>
      takeTurns(bulkhead({ maxConcurrent: 1, name: `amorsize-field-jest-${process.pid}`, scope })))

    it('listens to a breaker', async () => {
      for (const name of [undefined, 'jest']) {
        const states = []
        const breaker = circuitBreaker({ failureThreshold: 2, resetTimeoutMs: 200, successThreshold: 1, name })
        breaker.on('open', () => states.push('open'))
        breaker.on('close', () => states.push('close'))
        for (let n = 0; n < 2; n++) await expect(breaker.execute(failure)).rejects.toThrow('down')
        expect(breaker.state).toBe('open')
        await expect(breaker.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
        await delay(210)
        expect(await breaker.execute(() => 1)).toBe(1)
        expect(states).toEqual(['open', 'close'])
      }
    })

    it('waits for tokens', async () => {
      for (const options of [{}, { name: 'jest' }, { name: `amorsize-field-jest-${process.pid}`, scope }]) {
        const limiter = new RateLimiter({ requestsPerSecond: 200, burstSize: 1, ...options })
        limiter.tryAcquire()
        await limiter.acquire()
        await Promise.all([limiter.acquire(), limiter.acquire()])
        limiter[Symbol.dispose]()
      }
      const keyed = new KeyedRateLimiter({ requestsPerSecond: 200, burstSize: 1, capacity: 10 })
      expect([keyed.tryAcquire('a'), keyed.tryAcquire('a'), keyed.tryAcquire('b')]).toEqual([true, false, true])
      await keyed.acquire('a')
    })

    it('retries within a budget', async () => {
      let calls = 0
      const policy = retry({ maxRetries: 2, initialDelayMs: 1, budget: new RetryBudget() })
      await expect(policy.execute(() => (calls++, failure()))).rejects.toMatchObject({
        code: 'ERR_RETRY_EXHAUSTED',
        attempts: 3,
      })
      expect(calls).toBe(3)
    })

    it('runs items here and in workers', async () => {
      const items = Array.from({ length: 20 }, (_, n) => n)
      expect(await execute((n) => n * 2, items)).toEqual(items.map((n) => n * 2))
      expect(await execute(async (n) => n * 2, items)).toEqual(items.map((n) => n * 2))
      expect(await execute((n) => n * 2, items, { mode: 'threads', workers: 1 })).toEqual(items.map((n) => n * 2))
      const results = []
      for await (const result of stream(async (n) => n + 1, items)) results.push(result)
      expect(results).toEqual(items.map((n) => n + 1))
    })

    it('runs tasks by their modules', async () => {
      const items = Array.from({ length: 20 }, (_, n) => n)
      const doubled = items.map((n) => 2 * n)
      expect(await execute(task(double, 'double'), items)).toEqual(doubled)
      expect(await execute(task(double), items, { mode: 'serial' })).toEqual(doubled)
      const guarded = { mode: 'threads', mainThread: false, policies: [retry({ maxRetries: 1 })] }
      expect(await execute(task(double, 'double'), items, guarded)).toEqual(doubled)
      await expect(execute(task(double, 'triple'), items)).rejects.toThrow(/must export a function named 'triple'/)
      await expect(execute(task(join(__dirname, 'missing.cjs')), items)).rejects.toThrow(/missing\.cjs/)
    })

    ;(redisPort === undefined ? it.skip : it)('runs tasks over BullMQ', async () => {
      const address = { connection: { host: '127.0.0.1', port: Number(redisPort) }, queue: `jest-${file}` }
      const serving = await onBullmq.serveTasks({ ...address, tasks: [double] })
      expect(await execute(task(double, 'double'), [1, 2, 3], { on: onBullmq.bullmq(address) })).toEqual([2, 4, 6])
      await serving.close()
    })

    it('takes a clock of ours', async () => {
      const clock = new testing.FakeClock()
      const call = timeout(1000, { clock }).execute(hang)
      const failed = expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
      await clock.advance(1000)
      await failed
    })

    it.each(['modern', 'legacy'])('goes on after the %s fake timers of Jest', async (kind) => {
      jest.useFakeTimers({ legacyFakeTimers: kind === 'legacy' })
      const limiter = new RateLimiter({ requestsPerSecond: 50, burstSize: 1 })
      limiter.tryAcquire()
      const waiting = [
        timeout(20).execute(hang),
        retry({ maxRetries: 1, initialDelayMs: 20, jitter: 'none' }).execute(failure),
        limiter.acquire(),
        pipeline(bulkhead({ maxConcurrent: 1 }), timeout(20)).execute(hang),
      ]
      waiting.forEach((each) => each.catch(() => {}))
      await delay(5)
      jest.useRealTimers()
      await mustSettle(timeout(20).execute(hang))
      for (const each of waiting) await mustSettle(each)
    })
  })
}
