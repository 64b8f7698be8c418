import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { Bulkhead, bulkhead } from '../../../dist/index.js'
import { describeWithAddon, itWithAddon } from '../../support/native.js'
import { deferred } from '../../support/policies.js'

let names = 0
const freshName = (): string => `bulkhead of threads ${++names}`

async function openWorker(data: object): Promise<Worker> {
  const worker = new Worker(new URL('../support/bulkhead-worker.mjs', import.meta.url), { workerData: data })
  worker.on('error', () => undefined)
  await untilSaid(worker, 'ready')
  return worker
}

async function untilSaid(worker: Worker, wanted: string): Promise<void> {
  for (;;) {
    const [said] = (await once(worker, 'message')) as [unknown]
    if (said === wanted) return
  }
}

/** Its exit code. Unlike `once`, does not take an error for an answer. */
function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve) => worker.on('exit', resolve))
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The same bulkhead for this thread and workers: how it is shared differs. */
const ways = [
  {
    way: 'by handle',
    make: () => {
      const policy = bulkhead({ maxConcurrent: 2 })
      return { policy, data: { handle: policy.share() } }
    },
  },
  {
    way: 'by name',
    make: () => {
      const options = { maxConcurrent: 2, name: freshName() }
      return { policy: bulkhead(options), data: { options } }
    },
  },
] as const

describe.each(ways)('one bulkhead $way', ({ way, make }) => {
  const test = way === 'by name' ? itWithAddon : it

  test('has one set of slots for all threads', async () => {
    const { policy, data } = make()
    const worker = await openWorker({ ...data, runs: 3 })
    await until(() => policy.available === 0)
    const refused = Bulkhead.from(policy.share())
    await expect(refused.execute(() => 1, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    await worker.terminate()
  })

  test('hands a slot to a caller of another thread, who was first', async () => {
    const { policy, data } = make()
    const worker = await openWorker(data)
    const work = [deferred(), deferred()]
    const running = work.map(({ promise }) => policy.execute(() => promise))
    const served = untilSaid(worker, 'served')
    worker.postMessage('call')
    // There is no other way to see that the worker waits: this thread's own queue is empty.
    await new Promise((resolve) => setTimeout(resolve, 50))
    const late = policy.execute(() => 'late')
    work[0]!.resolve()
    await served
    work[1]!.resolve()
    expect(await late).toBe('late')
    await Promise.all(running)
    await worker.terminate()
    await until(() => policy.available === 2)
  })

  test('has others overtake a thread that does not go on, which comes first when it does', async () => {
    const { policy, data } = make()
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const worker = await openWorker({ ...data, gate })
    const permits = [await policy.acquire(), await policy.acquire()]
    const order: unknown[] = []
    worker.on('message', (told) => order.push(told))
    const stops = untilSaid(worker, 'stops')
    worker.postMessage('call and stop')
    await stops
    const work = [deferred(), deferred(), deferred()]
    const running = work.map(({ promise }) => policy.execute(() => promise))
    for (const permit of permits) permit[Symbol.dispose]()
    await until(() => policy.stats().running === 2)
    work[0]!.resolve()
    await until(() => policy.stats().queued === 0)
    expect([policy.available, policy.stats().running]).toEqual([0, 2])
    const last = policy.execute(() => order.push('last'))
    const served = untilSaid(worker, 'served 3')
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
    work[1]!.resolve()
    await Promise.all([served, last])
    expect(order.filter((told) => told !== 'last')).toEqual(['stops', 'served 1', 'served 2', 'served 3'])
    work[2]!.resolve()
    await Promise.all(running)
    await worker.terminate()
    await until(() => policy.available === 2)
  })

  test('lets in who waits in another thread as soon as more may run', async () => {
    const { policy, data } = make()
    const worker = await openWorker(data)
    const permits = [await policy.acquire(), await policy.acquire()]
    const served = untilSaid(worker, 'served')
    worker.postMessage('call')
    const changed = untilSaid(worker, 'changed')
    // There is no other way to see that the worker waits: this thread's own queue is empty.
    await new Promise((resolve) => setTimeout(resolve, 50))
    policy.update({ maxConcurrent: 3 })
    await served
    // And the other way round.
    const waiting = [policy.execute(() => 1), policy.execute(() => 2)]
    expect(await waiting[0]).toBe(1)
    worker.postMessage({ maxConcurrent: 2, maxQueue: 5 })
    await changed
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([2, 5])
    const next = [policy.execute(() => 3), policy.execute(() => 4)]
    worker.postMessage({ maxConcurrent: 4 })
    expect(await Promise.all([...waiting, ...next])).toEqual([1, 2, 3, 4])
    for (const permit of permits) permit[Symbol.dispose]()
    await worker.terminate()
    await until(() => policy.available === 4)
  })

  test('that is disposed while slots come from another thread leaves the queue to its others', async () => {
    const { policy, data } = make()
    const other = Bulkhead.from(policy.share())
    const worker = await openWorker(data)
    const permits = [await other.acquire(), await other.acquire()]
    const calls = [1, 2, 3].map((n) => policy.execute(() => n))
    const kept = other.execute(() => 'kept')
    worker.postMessage({ maxConcurrent: 5 })
    // Without a turn of the event loop, in which this thread would hear of them.
    while ((policy as unknown as { inUse: number }).inUse < 5);
    policy[Symbol.dispose]()
    const outcomes = await Promise.allSettled([...calls, kept])
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(2)
    expect(policy.stats()).toMatchObject({ calls: 1, running: 0, queued: 0 })
    while (other.available !== 0) permits.push(await other.acquire())
    const late = other.execute(() => 'late')
    worker.postMessage({ maxConcurrent: 6 })
    expect(await late).toBe('late')
    for (const permit of permits) permit[Symbol.dispose]()
    await worker.terminate()
  })

  test('keeps a thread alive that waits for a slot another thread has, and no longer', async () => {
    const { policy, data } = make()
    const work = deferred()
    const running = [policy.execute(() => work.promise), policy.execute(() => work.promise)]
    const worker = await openWorker(data)
    const served = untilSaid(worker, 'served')
    const exit = exitOf(worker)
    worker.postMessage('call')
    worker.postMessage('end')
    await new Promise((resolve) => setTimeout(resolve, 50))
    work.resolve()
    await Promise.all([served, ...running])
    expect(await exit).toBe(0)
  })
})

describeWithAddon('the slots of a worker that dies', () => {
  it.each(['terminate', 'exit', 'throw', 'return'] as const)(
    'by %s are free at once, and go to those who wait',
    async (end) => {
      const name = freshName()
      const policy = bulkhead({ maxConcurrent: 2, name })
      const worker = await openWorker({ options: { maxConcurrent: 2, name }, runs: 2, end })
      await until(() => policy.available === 0)
      const waiting = policy.execute(() => 'served')
      if (end === 'terminate') await worker.terminate()
      else {
        const exit = exitOf(worker)
        worker.postMessage('end')
        await exit
      }
      expect(await waiting).toBe('served')
      expect(policy.available).toBe(2)
    },
  )

  it('are free though it waits itself, and its place in the queue is gone', async () => {
    const name = freshName()
    const options = { maxConcurrent: 1, maxQueue: 3, name }
    const policy = bulkhead(options)
    const work = deferred()
    const running = policy.execute(() => work.promise)
    const worker = await openWorker({ options, runs: 3 })
    await until(() => policy.stats().running === 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ queued: 3 })
    await worker.terminate()
    const next = policy.execute(() => 'next')
    work.resolve()
    expect(await next).toBe('next')
    await running
  })
})

it('gives back what a worker holds that ends by itself, also without the addon', async () => {
  const policy = bulkhead({ maxConcurrent: 2 })
  const worker = await openWorker({ handle: policy.share(), runs: 2, end: 'exit' })
  await until(() => policy.available === 0)
  const exit = exitOf(worker)
  worker.postMessage('end')
  await exit
  expect(policy.available).toBe(2)
})

it('needs one row in a thread, however many bulkheads are made from a handle', () => {
  const policy = bulkhead({ maxConcurrent: 1 })
  const others = Array.from({ length: 200 }, () => Bulkhead.from(policy.share()))
  expect(others.every(({ available }) => available === 1)).toBe(true)
})

itWithAddon(
  'keeps no process alive for a slot that only this thread could give, whichever of its bulkheads waits',
  async () => {
    const script = `
    import { Bulkhead, bulkhead } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
    const one = bulkhead({ maxConcurrent: 1 })
    const other = Bulkhead.from(one.share())
    one.execute(() => new Promise(() => {}))
    other.execute(() => {})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 })
    expect(await once(child, 'exit')).toEqual([0, null])
  },
)

itWithAddon('has room for 63 threads at once, and says so to the next', () => {
  const policy = bulkhead({ maxConcurrent: 1 })
  // A copy of a handle looks like that of another thread.
  const others = Array.from({ length: 62 }, () => Bulkhead.from(structuredClone(policy.share())))
  expect(() => Bulkhead.from(structuredClone(policy.share()))).toThrow(
    expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'full' }),
  )
  expect(others).toHaveLength(62)
})
