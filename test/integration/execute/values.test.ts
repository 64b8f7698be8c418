import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { execute, optimize, stream, task, TaskNotTransferableError } from 'amorsize'
import { describe, expect, it } from 'vitest'

const url = new URL('../../fixtures/value-task.mjs', import.meta.url)
const inWorkers = { mode: 'threads', workers: 1, mainThread: false, chunkSize: 4 } as const

class Point {
  constructor(readonly x: number) {}

  toString(): string {
    return `point ${this.x}`
  }
}

describe('an item', () => {
  const items = Array.from({ length: 40 }, (_, i) => ({ value: i % 10 === 7 ? new Point(i) : i }))

  it('that would lose its class in a worker is run here, wherever it stands among others', async () => {
    const options = { workers: 1, chunkSize: 4, prefer: 'threads' } as const
    const work = ({ value }: { value: unknown }): string => {
      const endMs = performance.now() + 4
      while (performance.now() < endMs);
      return String(value)
    }
    expect(await execute(work, items, options)).toEqual(items.map(({ value }) => String(value)))
  })

  it('that would lose its class fails where workers are demanded', async () => {
    const outcomes = await execute(task<{ value: unknown }>(url, 'kindOf'), items, { ...inWorkers, onError: 'collect' })
    outcomes.forEach((outcome, i) => {
      if (i % 10 === 7) {
        const { reason } = outcome as PromiseRejectedResult
        expect(reason).toBeInstanceOf(TaskNotTransferableError)
        expect(reason).toMatchObject({
          message: `item ${i} holds an instance of Point, which would arrive without its class`,
        })
      } else expect(outcome).toMatchObject({ status: 'fulfilled' })
    })
  })

  it('that would lose its class fails there in this thread, too', async () => {
    const { workers, mode } = inWorkers
    const refused = execute(({ value }: { value: unknown }) => String(value), [{ value: new Point(1) }], {
      workers,
      mode,
    })
    await expect(refused).rejects.toBeInstanceOf(TaskNotTransferableError)
    const kinds = await execute(({ value }: { value: Buffer }) => typeof value, [{ value: Buffer.from('x') }], {
      workers,
      mode,
    })
    expect(kinds).toEqual(['object'])
  })

  it('that would lose its class, or whose result would, runs in the loop where a plan of threads stays there', async () => {
    const points = Array.from({ length: 12 }, (_, i) => new Point(i))
    const { mode } = inWorkers
    const texts = await optimize(String as (point: Point) => string, points, { mode })
    expect(texts).toMatchObject({ mode: 'serial', warnings: [expect.stringContaining('an instance of Point')] })
    expect(await texts.run()).toEqual(points.map(String))
    const maps = await optimize(
      (n: number) => new (class Odd extends Map<number, number> {})([[n, n]]),
      points.map(({ x }) => x),
      { mode },
    )
    const kinds = (await maps.run()).map(({ constructor }) => constructor.name)
    expect(kinds).toEqual(points.map(() => 'Odd'))
  })

  it('of many of which none can be sent is run once', async () => {
    const all = Array.from({ length: 500 }, (_, i) => ({ value: i === 0 ? 0 : new Point(i) }))
    let ran = 0
    const work = ({ value }: { value: unknown }): string => {
      ran++
      return String(value)
    }
    expect(await execute(work, all, { prefer: 'threads', workers: 1 })).toHaveLength(500)
    expect(ran).toBe(500)
  })

  it('may be a Buffer, and arrives as one', async () => {
    const bytes = Array.from({ length: 20 }, (_, i) => Buffer.from(`item ${i}`))
    const reversed = await execute(task<Buffer, Buffer>(url, 'reversed'), bytes, inWorkers)
    expect(reversed.every((one) => Buffer.isBuffer(one))).toBe(true)
    expect(reversed.map(String)).toEqual(bytes.map((one) => Buffer.from(one).reverse().toString()))
    const kinds = await execute(
      task<{ value: Buffer }>(url, 'kindOf'),
      bytes.map((value) => ({ value })),
      inWorkers,
    )
    expect(kinds).toEqual(bytes.map((one) => ({ kind: 'Buffer', isBuffer: true, text: one.toString() })))
    const items = bytes.map((one, i) => ({ name: i, parts: [one, one] }))
    const nested = await execute(
      task<(typeof items)[0], { parts: Buffer[]; isBuffer: boolean }>(url, 'nested'),
      items,
      inWorkers,
    )
    expect(nested.map(({ parts }) => parts.map(String))).toEqual(
      bytes.map((one) => [one.toString().toUpperCase(), one.toString().toUpperCase()]),
    )
    expect(nested.every(({ isBuffer, parts }) => isBuffer && Buffer.isBuffer(parts[1]))).toBe(true)
    // What was sent is as it was.
    expect(Buffer.isBuffer(items[0]?.parts[0])).toBe(true)
  })

  it('that is a small Buffer takes nothing of its neighbours along', async () => {
    const small = Array.from({ length: 8 }, () => Buffer.from('x'))
    expect(small[0]?.buffer.byteLength).toBeGreaterThan(1)
    expect(await execute(task(url, 'backingBytes'), small, inWorkers)).toEqual(small.map(() => 1))
  })
})

describe('an item of many parts', () => {
  const holdsTwice = (): { first: { bytes: Buffer }; second: object[] } => {
    const shared = { bytes: Buffer.from('shared') }
    return { first: shared, second: [shared] }
  }
  const holdsItself = (): object => {
    const item: Record<string, unknown> = { bytes: Buffer.from('own') }
    item['self'] = item
    return item
  }
  const deep = (levels: number, inmost: unknown): unknown => {
    let value = inmost
    for (let i = 0; i < levels; i++) value = [value]
    return value
  }

  it('may hold an object twice, and itself, with Buffers in them', async () => {
    const [twice, itself] = await execute(task(url, 'identity'), [holdsTwice(), holdsItself()], inWorkers)
    const { first, second } = twice as ReturnType<typeof holdsTwice>
    expect(second[0]).toBe(first)
    expect(Buffer.isBuffer(first.bytes) && first.bytes.toString()).toBe('shared')
    expect((itself as Record<string, unknown>)['self']).toBe(itself)
    expect(itself).toEqual(holdsItself())
  })

  it('may hold an object twice, and itself, where no Buffer is', async () => {
    const shared = { n: 1 }
    const item: Record<string, unknown> = { first: shared, second: shared, bytes: Buffer.from('x') }
    const round: Record<string, unknown> = {}
    round['self'] = round
    const [one, two] = await execute(task(url, 'identity'), [item, round], inWorkers)
    expect(one).toEqual(item)
    expect(two).toEqual(round)
  })

  it('may be deep, with a Buffer at its bottom', async () => {
    const [result] = await execute(task(url, 'identity'), [deep(500, Buffer.from('bottom')), 1], inWorkers)
    expect(result).toEqual(deep(500, Buffer.from('bottom')))
  })
})

describe('what a task throws', () => {
  const items = Array.from({ length: 8 }, (_, i) => ({ i }))

  it.each(['throwsProxy', 'throwsGetter', 'throwsResisting'])('concerns its item alone: %s', async (name) => {
    const exits: number[] = []
    const attempts: number[] = []
    const outcomes = await execute(task<{ i: number }, number>(url, name), items, {
      ...inWorkers,
      onError: 'collect',
      hooks: {
        onWorkerExit: ({ exitCode }) => exits.push(exitCode),
        onItemError: (event) => attempts.push(event.attempts),
      },
    })
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(items.map(({ i }) => i !== 3))
    expect(exits).toEqual([])
    expect(attempts).toEqual([1])
    if (name === 'throwsGetter') expect(outcomes[3]).toMatchObject({ reason: { message: 'three' } })
  })
})

it('what a task posts by itself is ignored', async () => {
  const items = Array.from({ length: 20 }, (_, i) => ({ i }))
  expect(await execute(task(url, 'posts'), items, inWorkers)).toEqual(items.map(({ i }) => i))
})

it('fifty runs at once of tasks that are being imported warn of nothing', async () => {
  const program = `
    import { execute, task } from 'amorsize'
    process.on('warning', (warning) => console.log(String(warning)))
    const runs = Array.from({ length: 50 }, (_, i) =>
      execute(task(new URL('data:text/javascript,export default (n) => n + ' + i)), [1, 2], {}))
    const same = Array.from({ length: 50 }, () => execute(task(${JSON.stringify(url.href)}, 'identity'), [1]))
    await Promise.all([...runs, ...same])
    await new Promise((resolve) => setTimeout(resolve, 20))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  expect(stdout).toBe('')
})

it('a stream with a chunk size keeps all workers busy', async () => {
  const busy = new Set<number>()
  const source = Array.from({ length: 60 }, (_, i) => ({ i }))
  const work = ({ i }: { i: number }): number => {
    const endMs = performance.now() + 5
    while (performance.now() < endMs);
    return i
  }
  const started: number[] = []
  const options = {
    ...inWorkers,
    workers: 2,
    chunkSize: 3,
    hooks: {
      onWorkerStart: ({ worker }: { worker: number }) => started.push(worker),
      onChunk: ({ worker, count }: { worker: number; count: number }) => {
        expect(count).toBe(3)
        busy.add(worker)
      },
    },
  }
  let next = 0
  for await (const result of stream(work, source.values(), options)) expect(result).toBe(next++)
  expect(next).toBe(60)
  expect(busy.size).toBe(2)
})
