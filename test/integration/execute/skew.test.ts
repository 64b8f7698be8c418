import { setImmediate } from 'node:timers/promises'
import { execute, stream } from 'amorsize'
import { describe, expect, it } from 'vitest'

const inWorkers = { mode: 'threads', workers: 2, mainThread: false } as const

/** Keeps its thread busy for as long as the item says. */
const work = ({ i, ms }: { i: number; ms: number }): number => {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
  return i
}

const warmUp = Array.from({ length: 8 }, (_, i) => ({ i, ms: 5 }))

interface Gated {
  readonly i: number
  readonly gate?: Int32Array | undefined
}

/** Waits until its gate is open, if it has one. */
const passes = ({ i, gate }: Gated): string => {
  const isLate = gate !== undefined && Atomics.wait(gate, 0, 0, 5000) === 'timed-out'
  return isLate ? `${i} late` : `${i}`
}

const open = (gate: Int32Array | undefined): void => {
  if (gate === undefined) return
  Atomics.store(gate, 0, 1)
  Atomics.notify(gate, 0)
}

describe('items that take much longer than others', () => {
  it('hold up no others that wait behind them in a worker', async () => {
    // Both workers are there.
    await execute(
      work,
      Array.from({ length: 8 }, (_, i) => ({ i, ms: 5 })),
      inWorkers,
    )
    const items = Array.from({ length: 12 }, (_, i) => ({ i, ms: i === 0 ? 1000 : 2 }))
    const order: number[] = []
    for await (const i of stream(work, items, { ...inWorkers, chunkSize: 2, ordered: false })) order.push(i)
    expect([...order].sort((a, b) => a - b)).toEqual(items.map(({ i }) => i))
    // Not even what was sent with it.
    expect(order.at(-1)).toBe(0)
  })

  it('are told of with what was run beside them, not with what was taken back', async () => {
    const chunks: { start: number; count: number }[] = []
    const items = Array.from({ length: 24 }, (_, i) => ({ i, ms: i === 0 ? 500 : 1 }))
    const hooks = {
      onChunk: ({ start, count }: { start: number; count: number }) => void chunks.push({ start, count }),
    }
    expect(await execute(work, items, { ...inWorkers, chunkSize: 12, hooks })).toEqual(items.map(({ i }) => i))
    const told = chunks.flatMap(({ start, count }) => Array.from({ length: count }, (_, k) => start + k))
    expect(told.sort((a, b) => a - b)).toEqual(items.map(({ i }) => i))
    expect(chunks).toContainEqual({ start: 0, count: 1 })
  })

  it('hold up none that their source gives before it is silent', async () => {
    await execute(work, warmUp, inWorkers)
    const gate = new Int32Array(new SharedArrayBuffer(4))
    let more: () => void = () => undefined
    const source = async function* (): AsyncGenerator<Gated> {
      for (let i = 0; i < 8; i += 2) {
        const ended = new Promise<void>((resolve) => (more = resolve))
        Atomics.store(gate, 0, 0)
        yield { i, gate }
        await setImmediate() // the first is on its way
        yield { i: i + 1 }
        await ended
      }
    }
    const order: string[] = []
    for await (const result of stream(passes, source(), { ...inWorkers, chunkSize: 1, ordered: false })) {
      order.push(result)
      open(gate)
      if (order.length % 2 === 0) more()
    }
    expect(order).toEqual(['1', '0', '3', '2', '5', '4', '7', '6'])
  })

  it.each([0, 1])('hold up none that the worker of another could begin, of two that of number %i', async (first) => {
    await execute(work, warmUp, inWorkers)
    const gates = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(4)))
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const source = async function* (): AsyncGenerator<Gated> {
      for (const [i, gate] of gates.entries()) yield { i, gate }
      yield { i: 2 }
      await setImmediate()
      open(gates[first])
      await ended
    }
    const results: string[] = []
    for await (const result of stream(passes, source(), { ...inWorkers, chunkSize: 1, ordered: false })) {
      results.push(result)
      if (results.length === 2) open(gates[1 - first])
      if (results.length === 3) end()
    }
    expect(results.sort()).toEqual(['0', '1', '2'])
  })

  it('run once, however often what waits is taken back', async () => {
    const counting = ({ i, ms, runs }: { i: number; ms: number; runs: Int32Array }): number => {
      Atomics.add(runs, i, 1)
      const endMs = performance.now() + ms
      while (performance.now() < endMs);
      return i
    }
    for (let round = 0; round < 10; round++) {
      const runs = new Int32Array(new SharedArrayBuffer(4 * 200))
      const items = Array.from({ length: 200 }, (_, i) => ({ i, ms: i % (20 + round) === 0 ? 8 : 0.2, runs }))
      const chunked = round % 2 === 0 ? {} : { chunkSize: 60 }
      expect(await execute(counting, items, { ...inWorkers, ...chunked })).toEqual(items.map(({ i }) => i))
      expect([...runs]).toEqual(items.map(() => 1))
    }
  })

  it('do not go to and fro between workers that are about to begin', async () => {
    const items = Array.from({ length: 6 }, (_, n) => ({ n }))
    const given = function* (): Generator<{ n: number }> {
      yield* items
    }
    // A run that hands them to and fro never lets the event loop turn: the test would not end.
    for (let round = 0; round < 100; round++)
      expect(await execute(({ n }: { n: number }) => n, given(), { ...inWorkers, chunkSize: 9 })).toEqual([
        0, 1, 2, 3, 4, 5,
      ])
  })

  it.each([1, 6, 12])('may end their worker with others waiting behind them, in chunks of %i', async (chunkSize) => {
    const dies = ({ i }: { i: number }): number => {
      const endMs = performance.now() + (i === 0 ? 200 : 1)
      while (performance.now() < endMs);
      if (i === 0) process.exit(7)
      return i
    }
    const items = Array.from({ length: 12 }, (_, i) => ({ i }))
    const options = { ...inWorkers, chunkSize, onError: 'collect', retryCrashedItems: 0 } as const
    const outcomes = await execute(dies, items, options)
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(items.map(({ i }) => i !== 0))
  })
})
