import { describe, expect, it } from 'vitest'
import { optionsText, waysFor } from '../../../dist/cli/trial/tune-ways.js'

const names = (situation: Parameters<typeof waysFor>[0]): string[] => waysFor(situation).map(({ name }) => name)

describe('the ways that tune tries', () => {
  it('are the loop, what execute chooses, and every number of workers with chunks of every size', () => {
    expect(names({ items: 20, maxWorkers: 2, isAsync: false })).toEqual([
      'the loop',
      'execute by itself',
      '1 worker, chunks of 1',
      '1 worker, chunks of 4',
      '1 worker, chunks of 16',
      '1 worker, chunks of 20',
      '2 workers, chunks of 1',
      '2 workers, chunks of 4',
      '2 workers, chunks of 10',
    ])
  })

  it('hold several at a time for a function that returns promises', () => {
    expect(names({ items: 10, maxWorkers: 1, isAsync: true, mode: 'async' })).toEqual([
      'the loop',
      '2 at once',
      '4 at once',
      '8 at once',
    ])
  })

  it('take powers of two beyond eight workers, and never more workers than items', () => {
    const workers = (items: number, maxWorkers: number): number[] => [
      ...new Set(
        waysFor({ items, maxWorkers, isAsync: false, mode: 'threads' }).flatMap(({ way }) => way.workers ?? []),
      ),
    ]
    expect(workers(1000, 24)).toEqual([1, 2, 4, 8, 16, 24])
    expect(workers(3, 24)).toEqual([1, 2, 3])
  })

  it('are written as one types them', () => {
    expect(optionsText({ mode: 'threads', workers: 2, chunkSize: 64 })).toBe(
      "{ mode: 'threads', workers: 2, chunkSize: 64 }",
    )
  })
})
