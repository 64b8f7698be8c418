import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { expect, it, vi } from 'vitest'
import { execute, stream, task } from '../../../dist/index.js'

// Runs at once, of which each needs workers: none may wait for ever, and what the machine has is shared.

const module = new URL('../support/long-tasks.mjs', import.meta.url)
const double = task<number, number>(module, 'double')
const next = task<number, number>(module, 'next')
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const timeout = 60_000

/** The scheduler knows by then that workers are worth it. */
async function learn(): Promise<void> {
  for (let run = 0; run < 3; run++) {
    await execute(double, range(40))
    await execute(next, range(40))
  }
}

it('ends where the reader of a stream waits for it', { timeout }, async () => {
  await learn()
  const read: number[] = []
  for await (const value of stream(double, range(200))) {
    read.push(value)
    if (read.length % 50 === 0) expect(await execute(next, range(40))).toEqual(range(41).slice(1))
  }
  expect(read).toEqual(range(200).map((n) => 2 * n))
})

it('ends where the source of another run waits for it', { timeout }, async () => {
  await learn()
  async function* source(): AsyncGenerator<number> {
    for (let part = 0; part < 3; part++) yield* await execute(next, range(30))
  }
  expect(await execute(double, source())).toHaveLength(90)
})

it('ends while nobody reads a stream', { timeout }, async () => {
  await learn()
  const results = stream(double, range(200))[Symbol.asyncIterator]()
  for (let i = 0; i < 40; i++) await results.next()
  expect(await execute(next, range(40))).toHaveLength(40)
  await results.return?.()
})

// Neither may be run in this thread.
const withWorkers = [{ mainThread: false }, { timeoutMs: 30_000 }, { mode: 'threads', mainThread: false }] as const

it.each(withWorkers)('%o gets a worker of a stream that nobody reads', { timeout }, async (options) => {
  const results = stream(double, range(200), { ...options, workers: 2 })[Symbol.asyncIterator]()
  const read = [(await results.next()).value as unknown]
  expect(await execute(next, range(20), options)).toEqual(range(21).slice(1))
  // Which goes on where it was.
  for (let i = 1; i < 200; i++) read.push((await results.next()).value)
  expect(read).toEqual(range(200).map((n) => 2 * n))
  expect(await results.next()).toMatchObject({ done: true })
})

// Numbers come in typed arrays, objects one by one.
it.each([
  ['objects', 'doubled'],
  ['numbers', 'double'],
])('a short run does not wait for the end of a long one of %s', { timeout }, async (_, name) => {
  const options = { mainThread: false, workers: 2 } as const
  const items = name === 'double' ? range(300) : range(300).map((n) => ({ n }))
  let hasEnded = false
  const long = execute(task(module, name), items, options).then((results) => {
    hasEnded = true
    return results
  })
  await sleep(200)
  expect(await execute(next, range(4), options)).toEqual([1, 2, 3, 4])
  expect(hasEnded).toBe(false)
  expect(await long).toEqual(range(300).map((n) => 2 * n))
})

it('runs without end leave workers to others', { timeout }, async () => {
  const options = { mainThread: false, workers: 2 } as const
  const endless = [0, 1].map(async () => {
    let count = 0
    for await (const value of stream(double, forever(), options)) {
      if (value !== 2 * count++) throw new Error(`${value} came instead of ${2 * (count - 1)}`)
      if (isOver) return count
    }
    return count
  })
  let isOver = false
  await sleep(300)
  // This may go on in this thread.
  for (let run = 0; run < 3; run++) expect(await execute(next, range(10))).toHaveLength(10)
  isOver = true
  for (const count of await Promise.all(endless)) expect(count).toBeGreaterThan(10)
})

it('a run whose worker has died gets one that others have left', { timeout }, async () => {
  const options = { mode: 'threads', mainThread: false } as const
  await execute(double, range(40), { ...options, workers: 4 })
  const runs = new SharedArrayBuffer(4)
  const items = range(20).map((n) => ({ n, runs }))
  expect(await execute(task(module, 'endsFirst'), items, { ...options, workers: 1 })).toEqual(range(20))
})

it('very short calls end at once also where another has taken this turn of the event loop', { timeout }, async () => {
  const short = (n: number): number => n + 1
  let tries = 0
  // Where the system takes the processor away in the middle of a call, that one has taken long.
  for (let areAtOnce = false; !areAtOnce;) {
    expect(++tries).toBeLessThan(20)
    let hasTurned = false
    setImmediate(() => (hasTurned = true))
    // A task of its own: nothing is known of it.
    const busy = (ms: number): void => {
      const untilMs = performance.now() + ms
      while (performance.now() < untilMs);
    }
    const long = execute(busy, [6, 6])
    const calls = await Promise.all(range(100).map((n) => execute(short, [n, n, n])))
    areAtOnce = !hasTurned
    expect(calls).toEqual(range(100).map((n) => [n + 1, n + 1, n + 1]))
    await long
  }
})

it.each([
  ['end', (n: number) => n],
  ['wait', (n: number) => Promise.resolve(n)],
  [
    'throw',
    (n: number) => {
      throw new Error(String(n))
    },
  ],
])('calls whose first items compute, and then %s, leave the event loop its turns', { timeout }, async (_, then) => {
  let begun = 0
  const compute = (n: number): unknown => {
    begun++
    const untilMs = performance.now() + 1
    while (performance.now() < untilMs);
    return then(n)
  }
  // If there is no turn before the last has ended, it stays at that.
  let begunInTurn = Infinity
  setImmediate(() => (begunInTurn = begun))
  await Promise.allSettled(range(100).map((n) => execute(compute, [n])))
  expect(begun).toBe(100)
  // Of a task that nothing is known of the first slice is run, and as much again.
  expect(begunInTurn).toBeLessThan(50)
})

/** Counts the turns of the event loop. @returns ends that, and how many there were */
function countTurns(): () => number {
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isOver = true
    return turns
  }
}

it('a stream that is read as soon as there is more leaves the event loop its turns', { timeout }, async () => {
  const turns = countTurns()
  let read = 0
  const short = (n: number): number => {
    const untilMs = performance.now() + 0.5
    while (performance.now() < untilMs);
    return n
  }
  for await (const value of stream(short, range(400), { mode: 'serial', batchSize: 4 })) expect(value).toBe(read++)
  expect(read).toBe(400)
  // Of 200 ms it has one every 4 ms.
  expect(turns()).toBeGreaterThan(25)
})

it('runs of async items that compute leave the event loop its turns, however many there are', { timeout }, async () => {
  const turns = countTurns()
  const short = async (n: number): Promise<number> => {
    const untilMs = performance.now() + 1
    while (performance.now() < untilMs);
    return Promise.resolve(n)
  }
  const runs = range(10).map(() => execute(short, range(20), { mode: 'async' }))
  for (const results of await Promise.all(runs)) expect(results).toEqual(range(20))
  // Of 200 ms they have one every 4 ms, not every 40.
  expect(turns()).toBeGreaterThan(25)
})

// Whether it comes to that is a matter of a few milliseconds: in about one of five runs.
it('does not go back to the loop while only a worker may run what another has left', { timeout }, async () => {
  let isOver = false
  // The program has other things to do, so that workers seem to lose.
  const others = (): void => {
    const untilMs = performance.now() + 4
    while (performance.now() < untilMs);
    if (!isOver) setImmediate(others)
  }
  setImmediate(others)
  for (let times = 0; times < 4; times++) {
    const runs = new SharedArrayBuffer(4)
    const items = range(2500).map((n) => ({ n, ms: 0.1, runs }))
    const results = await execute(task(module, 'endsWorkers'), items, { retryCrashedItems: 9, useCache: false })
    expect(results).toEqual(range(2500))
  }
  isOver = true
})

function* forever(): Generator<number> {
  for (let n = 0; ; n++) yield n
}

it('runs that none but workers may run take turns at them', { timeout }, async () => {
  const options = { timeoutMs: 30_000 } as const
  let isOver = false
  const counts = [0, 0, 0]
  // None ends before all have had a few turns.
  const endless = range(3).map(async (own) => {
    for await (const value of stream(double, forever(), options)) {
      expect(value).toBe(2 * counts[own]!++)
      if (isOver && counts.every((count) => count > 2)) return
    }
  })
  // What is set on fake timers may be thrown away with them.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate'] })
  const first = execute(next, range(4), options)
  await immediate()
  vi.useRealTimers()
  expect(await Promise.all([first, execute(next, range(4), options)])).toEqual([range(5).slice(1), range(5).slice(1)])
  isOver = true
  await Promise.all(endless)
})

it('a run does not wait for the long item of another where others are short', { timeout }, async () => {
  const options = { mainThread: false, workers: 2, chunkSize: 1 } as const
  let hasEnded = false
  const items = [3000, ...range(200).map(() => 8)].map((ms) => ({ ms }))
  const long = execute(task(module, 'lasting'), items, options).then((results) => {
    hasEnded = true
    return results
  })
  await sleep(200)
  expect(await execute(next, range(4), options)).toEqual([1, 2, 3, 4])
  expect(hasEnded).toBe(false)
  expect(await long).toHaveLength(201)
})

it('a run goes on in this thread if all workers wait for it', { timeout }, async () => {
  await learn()
  const channel = new BroadcastChannel('execute-beside')
  let asked = 0
  channel.onmessage = (event: unknown): void => {
    const { data } = event as { readonly data: { readonly asked?: boolean } }
    if (data.asked !== true || ++asked < 2) return
    void execute(next, range(10)).then(() => channel.postMessage({ done: true }))
  }
  try {
    const asking = task<string, string>(module, 'ask')
    const options = { mode: 'threads', mainThread: false, workers: 2, chunkSize: 1 } as const
    expect(await execute(asking, ['execute-beside', 'execute-beside'], options)).toEqual(['done', 'done'])
  } finally {
    channel.close()
  }
})

it('calls with one long item each leave this thread to others once there are workers', { timeout }, async () => {
  const where = task<number, number>(module, 'whereLong')
  // On a busy machine workers may lose a round, and the loop has the next one.
  for (let round = 0; round < 30; round++) {
    const threads = await Promise.all(range(12).map(async (n) => (await execute(where, [n]))[0]))
    if (!threads.includes(threadId)) return
  }
  expect.unreachable('some ran in this thread, each time')
})
