import { expect, it } from 'vitest'
import { execute, stream, task } from '../../dist/index.js'

// Runs of long items, which are left to workers alone, while another run holds all workers and does not go on before they have ended.

const module = new URL('support/long-tasks.mjs', import.meta.url)
const double = task<number, number>(module, 'double')
const next = task<number, number>(module, 'next')
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** The scheduler knows by then that workers are worth it. */
async function learn(): Promise<void> {
  for (let run = 0; run < 3; run++) {
    await execute(double, range(40))
    await execute(next, range(40))
  }
}

it('ends where the reader of a stream waits for it', { timeout: 60_000 }, async () => {
  await learn()
  const read: number[] = []
  for await (const value of stream(double, range(200))) {
    read.push(value)
    if (read.length % 50 === 0) expect(await execute(next, range(40))).toEqual(range(41).slice(1))
  }
  expect(read).toEqual(range(200).map((n) => 2 * n))
})

it('ends where the source of another run waits for it', { timeout: 60_000 }, async () => {
  await learn()
  async function* source(): AsyncGenerator<number> {
    for (let part = 0; part < 3; part++) yield* await execute(next, range(30))
  }
  expect(await execute(double, source())).toHaveLength(90)
})

it('ends while nobody reads a stream', { timeout: 60_000 }, async () => {
  await learn()
  const results = stream(double, range(400))[Symbol.asyncIterator]()
  for (let i = 0; i < 40; i++) await results.next()
  expect(await execute(next, range(40))).toHaveLength(40)
  await results.return?.()
})
