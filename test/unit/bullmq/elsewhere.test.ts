import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execute, optimize, retry, stream, task } from 'amorsize'
import {
  memoryTransport,
  overTransport,
  type ChunkAnswer,
  type ChunkOutcome,
  type OpenTransport,
  type Transport,
} from 'amorsize/bullmq'
import { FakeClock } from 'amorsize/testing'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../../support/collect.js'

const url = new URL('../../fixtures/tasks/elsewhere.mjs', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'amorsize-elsewhere-'))
afterAll(() => rmSync(folder, { recursive: true }))

const on = overTransport(memoryTransport({ tasks: [url] }))
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('a run elsewhere', () => {
  it('gives results in input order, of synchronous and asynchronous tasks', async () => {
    expect(await execute(task(url, 'double'), numbers(1000), { on })).toEqual(numbers(1000).map((n) => 2 * n))
    expect(await execute(task(url, 'later'), numbers(100), { on })).toEqual(numbers(100).map((n) => n + 1))
    expect(await execute(task(url, 'double'), [], { on })).toEqual([])
  })

  it('streams in order, from a source that is drawn as results are read', async () => {
    let drawn = 0
    function* source(): Generator<number> {
      for (;;) yield drawn++
    }
    const seen: unknown[] = []
    for await (const result of stream(task(url, 'double'), source(), { on, batchSize: 100 })) {
      seen.push(result)
      if (seen.length === 500) break
    }
    expect(seen).toEqual(numbers(500).map((n) => 2 * n))
    expect(drawn).toBeLessThanOrEqual(601)
    const asTheyCome = stream(task(url, 'later'), numbers(50), { on, ordered: false })
    const unordered: number[] = []
    for await (const result of asTheyCome) unordered.push(result as number)
    expect(unordered.toSorted((one, other) => one - other)).toEqual(numbers(50).map((n) => n + 1))
  })

  it('settles each item by itself, with the class and properties of its error', async () => {
    const outcomes = await execute(task(url, 'onlyEven'), numbers(100), { on, onError: 'collect' })
    outcomes.forEach((outcome, i) => {
      if (i % 2 === 0) expect(outcome).toEqual({ status: 'fulfilled', value: i })
      else expect(outcome).toMatchObject({ status: 'rejected', reason: { item: i, message: `${i} is odd` } })
    })
    // Not this file's import of the class: the runner has a copy of the module of its own.
    const { reason } = outcomes[1] as { reason: Error }
    expect([reason.constructor.name, reason instanceof Error]).toEqual(['OddError', true])
    await expect(execute(task(url, 'onlyEven'), numbers(10), { on })).rejects.toThrow(/is odd/)
  })

  it('keeps what JSON does not', async () => {
    const values = [
      new Date(5),
      new Map([[1, { a: NaN }]]),
      -0,
      undefined,
      5n,
      Buffer.from('x'),
      [1, , 3],
      { a: undefined },
      'ü\ud800',
      { toJSON: 1 },
    ]
    expect(await execute(task(url, 'echo'), values, { on })).toEqual(values)
    const plain = ['a', 1, null, { b: [true, { c: 'd' }] }]
    expect(await execute(task(url, 'echo'), plain, { on })).toEqual(plain)
    const [zero] = await execute<unknown, unknown>(task(url, 'echo'), [-0], { on })
    expect(Object.is(zero, -0)).toBe(true)
  })

  it('fails alone what cannot travel, or is too large', async () => {
    const small = overTransport(memoryTransport({ tasks: [url] }), { maxChunkBytes: 1024 })
    const items = ['a', () => 1, 'x'.repeat(3000), 'function', 'large', 'b']
    const outcomes = await execute(task(url, 'strange'), items, { on: small, onError: 'collect' })
    expect(outcomes).toMatchObject([
      { value: 'a' },
      { reason: { message: expect.stringContaining('item 1 cannot travel to another machine') as string } },
      {
        reason: {
          message: expect.stringMatching(
            /item 2 takes 300\d bytes on its way, more than maxChunkBytes \(1024\)/,
          ) as string,
        },
      },
      { reason: { message: expect.stringContaining('the result of item 3 cannot travel') as string } },
      {
        reason: {
          message: expect.stringMatching(/the result of item 4 takes 500\d bytes .* more than maxChunkBytes/) as string,
        },
      },
      { value: 'b' },
    ])
  })

  it('counts bytes, not characters', async () => {
    const small = overTransport(memoryTransport({ tasks: [url] }), { maxChunkBytes: 1024 })
    const items = ['a', 'é'.repeat(600), 'wide', 'b']
    const outcomes = await execute(task(url, 'strange'), items, { on: small, onError: 'collect' })
    expect(outcomes).toMatchObject([
      { value: 'a' },
      { reason: { message: expect.stringMatching(/item 1 takes 120\d bytes on its way/) as string } },
      { reason: { message: expect.stringMatching(/the result of item 2 takes 150\d bytes on its way/) as string } },
      { value: 'b' },
    ])
  })

  it('fails alone a result that no encoding takes beside others, and cuts an error that is too large', async () => {
    const module = `data:text/javascript,${encodeURIComponent(`export const odd = async (kind) => {
      if (kind === 'proxy') return new Proxy({ a: 1 }, {})
      if (kind === 'bigint') return 1n
      throw Object.assign(new RangeError(kind + 'y'.repeat(100_000)), { code: 'ERR_ODD', more: 'z'.repeat(100_000) })
    }`)}`
    const small = overTransport(memoryTransport({ tasks: [module] }), { maxChunkBytes: 4096 })
    const outcomes = await execute(task(module, 'odd'), ['proxy', 'bigint', 'wordy'], { on: small, onError: 'collect' })
    expect(outcomes).toMatchObject([
      { reason: { message: expect.stringContaining('the result of item 0 cannot travel') as string } },
      { value: 1n },
      {
        reason: {
          name: 'RangeError',
          message: expect.stringMatching(/^wordyy{251}… \(100005 characters\)$/) as string,
        },
      },
    ])
    const [{ reason }] = outcomes.slice(2) as PromiseRejectedResult[] as [PromiseRejectedResult]
    expect(reason).toBeInstanceOf(RangeError)
  })

  it('keeps a checkpoint, dead letters, progress and hooks as a run here does', async () => {
    const progress: number[] = []
    const chunks: number[] = []
    const options = {
      on,
      onError: 'collect',
      checkpoint: { dir: folder },
      deadLetter: join(folder, 'dead.ndjson'),
      onProgress: ({ completed, failed }: { completed: number; failed: number }) => progress.push(completed + failed),
      hooks: { onChunk: ({ count }: { count: number }) => chunks.push(count) },
    } as const
    await execute(task(url, 'onlyEven'), numbers(60), options)
    expect(progress.at(-1)).toBe(60)
    expect(chunks.reduce((sum, count) => sum + count)).toBe(60)
    chunks.length = 0
    await execute(task(url, 'onlyEven'), numbers(60), options)
    // What was finished is not run again; what failed is.
    expect(chunks.reduce((sum, count) => sum + count)).toBe(30)
  })

  it('tells streams apart by the folder of their checkpoint, wherever it is named from', async () => {
    const runs: string[] = []
    const open: OpenTransport = (info) => {
      runs.push(info.run)
      return memoryTransport({ tasks: [url] })(info)
    }
    const before = process.cwd()
    const run = async (from: string, dir: string): Promise<void> => {
      mkdirSync(join(folder, from), { recursive: true })
      process.chdir(join(folder, from))
      const results = stream(task(url, 'double'), numbers(3).values(), { on: overTransport(open), checkpoint: { dir } })
      expect(await collect(results)).toHaveLength(3)
    }
    try {
      await run('one', 'run')
      await run('two', 'run')
      await run('two', '../one/run')
    } finally {
      process.chdir(before)
    }
    expect(runs[1]).not.toBe(runs[0])
    expect(runs[2]).toBe(runs[0])
  })

  it('ends by signal', async () => {
    const abort = new AbortController()
    const outcome = execute(task(url, 'later'), numbers(100_000), { on, signal: abort.signal })
    setTimeout(() => abort.abort('enough'), 20)
    await expect(outcome).rejects.toBe('enough')
  })

  it('ends by signal while the carrier is opened, and leaves it when it is there', async () => {
    const abort = new AbortController()
    const left: string[] = []
    let open!: (transport: Transport) => void
    const opened = new Promise<Transport>((resolve) => (open = resolve))
    const on = overTransport(() => {
      setImmediate(() => abort.abort('enough'))
      return opened
    })
    await expect(execute(task(url, 'later'), numbers(10), { on, signal: abort.signal })).rejects.toBe('enough')
    const inner = await memoryTransport({ tasks: [url] })({ run: 'r' })
    open({
      put: () => Promise.reject(new Error('it is over')),
      results: () => inner.results(),
      workers: () => Promise.resolve(1),
      takeBack: () => Promise.resolve(true),
      // It is closed all the same.
      cancel: () => {
        left.push('cancelled')
        return Promise.reject(new Error('the server is away'))
      },
      close: () => Promise.resolve(void left.push('closed')),
    })
    await expect.poll(() => left).toEqual(['cancelled', 'closed'])
  })

  it('demands a task by its module', async () => {
    await expect(execute((n: number) => n, [1], { on })).rejects.toMatchObject({
      code: 'ERR_TASK_NOT_TRANSFERABLE',
      message: expect.stringContaining("task(import.meta.url, 'name')") as string,
    })
  })

  it.each([
    [{ mode: 'threads' }, 'mode says how this process works'],
    [{ workers: 2 }, 'workers says how this process works'],
    [{ policies: [retry()] }, 'policies says how this process works'],
  ])('refuses %o beside on', async (options, message) => {
    await expect(execute(task(url, 'double'), [1], { on, ...(options as object) })).rejects.toThrow(message)
  })

  it('refuses anything else for on, and on of optimize', async () => {
    for (const bad of [5, {}, null, 'redis'])
      await expect(execute(task(url, 'double'), [1], { on: bad as never })).rejects.toThrow(
        "on must be what bullmq() of 'amorsize/bullmq' returned",
      )
    await expect(optimize(task(url, 'double'), [1], { on })).rejects.toThrow('on is no option of optimize')
    expect(await optimize(task(url, 'double'), [1], { on: undefined })).toMatchObject({ mode: 'serial' })
  })
})

const methodsOf = (inner: Transport): Transport => ({
  put: (chunk) => inner.put(chunk),
  results: () => inner.results(),
  workers: () => inner.workers(),
  takeBack: (id) => inner.takeBack(id),
  cancel: () => inner.cancel(),
  close: () => inner.close(),
})

/** Carries chunks in memory, and does to them what `fault` says. */
function faulty(
  fault: (id: string, transport: Transport) => 'stalled' | 'lost' | 'twice' | 'stale' | 'failed' | undefined,
): OpenTransport {
  const open = memoryTransport({ tasks: [url] })
  return async (info) => {
    const inner = await open(info)
    return {
      ...methodsOf(inner),
      async *results() {
        for await (const outcome of inner.results()) {
          const { id } = outcome
          const kind = fault(id, inner)
          if (kind === 'twice') yield outcome
          if (kind === undefined || kind === 'twice') yield outcome
          else if (kind === 'stale' && outcome.kind === 'done')
            yield { ...outcome, answer: { ...outcome.answer, checksum: outcome.answer.checksum + 1 } }
          else if (kind === 'stale') yield outcome
          else if (kind === 'failed') yield { id, kind, reason: 'no memory' }
          else yield { id, kind }
        }
      },
    }
  }
}

describe('a run elsewhere, when things go wrong', () => {
  it('gives each item one result, whatever is lost, told twice or stalled', async () => {
    let told = 0
    const on = overTransport(
      // Each sixth answer is lost, each sixth told twice; chunks of several items stall now and then.
      faulty((id) => {
        told++
        if (told % 6 === 1) return 'lost'
        if (told % 6 === 3) return 'twice'
        return told % 6 === 5 && !id.endsWith('-1') ? 'stalled' : undefined
      }),
    )
    const seen = await execute(task(url, 'double'), numbers(3000), { on })
    expect(seen).toEqual(numbers(3000).map((n) => 2 * n))
    expect(told).toBeGreaterThan(12)
  })

  it('sends a chunk again whose answer is that of a run before, for other items', async () => {
    const stale = new Set<string>()
    const on = overTransport(
      faulty((id) => {
        const piece = id.split('-').slice(0, 4).join('-')
        if (stale.has(piece)) return undefined
        stale.add(piece)
        return 'stale'
      }),
    )
    expect(await execute(task(url, 'double'), numbers(300), { on })).toEqual(numbers(300).map((n) => 2 * n))
    expect(stale.size).toBeGreaterThan(2)
  })

  it('finds the item that ends its workers, and fails it alone', async () => {
    const killer = 37
    const on = overTransport(
      faulty((id) => {
        const [first = 0, count = 0] = id.split('-').slice(2).map(Number)
        return killer >= first && killer < first + count ? 'stalled' : undefined
      }),
    )
    const outcomes = await execute(task(url, 'double'), numbers(200), { on, onError: 'collect' })
    expect(outcomes[killer]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_WORKER_CRASHED', item: killer } })
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(199)
  })

  it('fails when a chunk cannot be begun', async () => {
    await expect(
      execute(task(url, 'double'), numbers(10), { on: overTransport(faulty(() => 'failed')) }),
    ).rejects.toMatchObject({ code: 'ERR_EXECUTION', message: 'a worker could not begin a chunk: no memory' })
  })

  it.each([
    ['nothing', () => undefined, 'it is of another version, or for other items; received undefined'],
    ['null', () => null, 'received null'],
    ['a text', () => 'sent', "received 'sent'"],
    ['an object of another program', () => ({ ok: true, checksum: 5 }), 'received { ok: true, checksum: 5 }'],
    [
      'no checksum',
      (answer) => ({ ...answer, checksum: undefined }),
      'it is of another version, or for other items; received {',
    ],
    [
      'that of other items',
      (answer) => ({ ...answer, checksum: answer.checksum + 1 }),
      'it is of another version, or for other items',
    ],
    ['no version', (answer) => ({ ...answer, version: undefined }), 'it is of another version, or for other items'],
    ['another version', (answer) => ({ ...answer, version: 2 }), 'it is of another version, or for other items'],
    ['no time', (answer) => ({ ...answer, ms: null }), 'it is of another version, or for other items'],
    ['nobody', (answer) => ({ ...answer, worker: undefined }), 'it is of another version, or for other items'],
    ['no outcomes', (answer) => ({ ...answer, outcomes: null }), 'Cannot read properties of null'],
    ['garbled outcomes', (answer) => ({ ...answer, outcomes: 'rjx' }), 'not valid JSON'],
    ['outcomes that are none', (answer) => ({ ...answer, outcomes: 'oj[null]' }), 'Cannot read properties of null'],
    ['fewer outcomes', (answer) => ({ ...answer, outcomes: 'rj[]' }), 'it has 0 outcomes of 1 items'],
    ['more outcomes', (answer) => ({ ...answer, outcomes: 'rj[1,2]' }), 'it has 2 outcomes of 1 items'],
  ] satisfies [string, (answer: ChunkAnswer) => unknown, string][])(
    'sends a chunk again once whose answer is %s, then ends, and quotes it',
    async (_, answer, quoted) => {
      const put: string[] = []
      const inner = memoryTransport({ tasks: [url] })
      const open: OpenTransport = async (info) => {
        const transport = await inner(info)
        return {
          ...methodsOf(transport),
          put: (chunk) => (put.push(chunk.id), transport.put(chunk)),
          async *results() {
            for await (const one of transport.results())
              yield one.kind === 'done' ? { ...one, answer: answer(one.answer) as ChunkAnswer } : one
          },
        }
      }
      const run = execute(task(url, 'double'), numbers(4), { on: overTransport(open) })
      await expect(run).rejects.toMatchObject({
        code: 'ERR_EXECUTION',
        message: expect.stringContaining(quoted) as string,
      })
      for (const id of put) expect(put.filter((other) => other === id).length).toBeLessThanOrEqual(2)
    },
  )

  it('fails when the carrier cannot be had', async () => {
    const on = overTransport(() => Promise.reject(new Error('no way')))
    await expect(execute(task(url, 'double'), [1], { on })).rejects.toThrow('no way')
  })
})

/** A carrier of one chunk, of which `outcomes` is told. */
function telling(
  outcomes: (id: string) => AsyncIterable<ChunkOutcome> | Iterable<ChunkOutcome>,
  workers: () => number,
): OpenTransport {
  return () => {
    let put!: (id: string) => void
    const first = new Promise<string>((resolve) => (put = resolve))
    return Promise.resolve({
      put: async ({ id }) => put(id),
      async *results() {
        yield* outcomes(await first)
        await new Promise(() => undefined)
      },
      workers: () => Promise.resolve(workers()),
      takeBack: () => Promise.resolve(true),
      cancel: () => Promise.resolve(),
      close: () => Promise.resolve(),
    })
  }
}

describe('a run elsewhere without workers that take it', () => {
  let clock: FakeClock
  beforeEach(() => void (clock = new FakeClock()))

  /** What becomes of a run by the fake clock: ten seconds have to pass before it does what it was told to. */
  async function outcomeOf(run: () => Promise<unknown>, seconds = 60): Promise<unknown> {
    let outcome: unknown = 'under way'
    run().then(
      (results) => (outcome = results),
      (error: unknown) => (outcome = error),
    )
    for (let passed = 0; passed < seconds && outcome === 'under way'; passed += 0.5) {
      await clock.advance(500)
      // Modules are read in real time.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return outcome
  }

  it.each([1, 2, 5])("says why all of %i refuse, onNoWorkers: 'throw'", async (workers) => {
    const other = new URL('../../fixtures/context-task.mjs', import.meta.url)
    const on = overTransport(memoryTransport({ tasks: [other], workers }), { onNoWorkers: 'throw', clock })
    expect(await outcomeOf(() => execute(task(url, 'double'), [1, 2], { on }))).toMatchObject({
      code: 'ERR_EXECUTION',
      message: expect.stringMatching(
        /no worker takes it: memory:1: it serves context-task\.mjs, and the run needs elsewhere\.mjs/,
      ) as string,
    })
  })

  it('runs those functions of a module alone that are listed', async () => {
    const path = join(folder, 'C#', 'tasks.mjs')
    mkdirSync(dirname(path))
    writeFileSync(path, 'export const one = () => 1, two = () => 2, three = () => 3')
    const tasks = [`${path}#one`, new URL(`${pathToFileURL(path).href}#two`)]
    const run = (tasks: (string | URL)[], name: string) => () =>
      execute(task(path, name), [0], { on: overTransport(memoryTransport({ tasks }), { onNoWorkers: 'throw', clock }) })
    expect(await outcomeOf(run(tasks, 'one'))).toEqual([1])
    expect(await outcomeOf(run(tasks, 'two'))).toEqual([2])
    expect(await outcomeOf(run([...tasks, path], 'three'))).toEqual([3])
    expect(await outcomeOf(run(tasks, 'three'))).toMatchObject({
      code: 'ERR_EXECUTION',
      message: expect.stringContaining('of tasks.mjs it serves one, two, and the run needs three') as string,
    })
  })

  it('says that the module was replaced after the worker had begun to serve it', async () => {
    const version = (v: number): string => `export const version = () => ${v}\n`
    const [driven, served] = ['driven', 'served'].map((name) => join(folder, name, 'version.mjs')) as [string, string]
    for (const path of [driven, served]) {
      mkdirSync(dirname(path))
      writeFileSync(path, version(1))
    }
    const open: OpenTransport = async (info) => {
      const transport = await memoryTransport({ tasks: [served] })(info)
      writeFileSync(served, version(2))
      return transport
    }
    const on = overTransport(open, { onNoWorkers: 'throw', clock })
    const run = () => execute(task(pathToFileURL(driven), 'version'), [1, 2], { on })
    expect(await outcomeOf(run)).toMatchObject({
      message: expect.stringContaining(
        'memory:2: its version.mjs was replaced after it had begun to serve: restart it',
      ) as string,
    })
  })

  const nobody = telling(
    () => [],
    () => 0,
  )

  it("runs the items here, onNoWorkers: 'here'", async () => {
    const on = overTransport(nobody, { onNoWorkers: 'here', clock })
    expect(await outcomeOf(() => execute(task(url, 'double'), numbers(100), { on }))).toEqual(
      numbers(100).map((n) => 2 * n),
    )
  })

  it('holds the time limit where items run here', async () => {
    const on = overTransport(nobody, { onNoWorkers: 'here', clock })
    const run = () => execute(task(url, 'stuck'), numbers(3), { on, timeoutMs: 200, onError: 'collect' })
    expect(await outcomeOf(run)).toMatchObject([
      { value: 0 },
      { status: 'rejected', reason: { code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 200 } },
      { value: 2 },
    ])
  })

  const refusedBy = (id: string, ...workers: string[]): ChunkOutcome[] =>
    workers.map((worker) => ({ id, kind: 'refused', worker, reason: `${worker}: another text` }))

  it('goes on when those that refused a chunk have gone, and another has it', async () => {
    let hasBegun = false
    const chunk = async function* (id: string): AsyncGenerator<ChunkOutcome> {
      yield* refusedBy(id, 'old1', 'old2')
      hasBegun = true
    }
    const on = overTransport(
      telling(chunk, () => (hasBegun && clock.now() > 1500 ? 1 : 3)),
      { onNoWorkers: 'throw', clock },
    )
    expect(await outcomeOf(() => execute(task(url, 'double'), [1], { on }))).toBe('under way')
  })

  it('goes on when a worker begins a chunk that as many have refused', async () => {
    const chunk = (id: string): ChunkOutcome[] => [...refusedBy(id, 'old1', 'old2'), { id, kind: 'begun' }]
    const on = overTransport(
      telling(chunk, () => 2),
      { onNoWorkers: 'throw', clock },
    )
    expect(await outcomeOf(() => execute(task(url, 'double'), [1], { on }))).toBe('under way')
  })
})
