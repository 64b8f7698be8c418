import { describe, expect, it } from 'vitest'
import {
  type Cell,
  bytesOf,
  grid,
  inProcesses,
  listCells,
  loopMsOf,
  parseCell,
  select,
} from '../../../bench/schedule/cells.mjs'
import { lowest, ratioTables } from '../../../bench/schedule/report.mjs'
import { schedules, shortList } from '../../../bench/schedule/schedules.mjs'
import { measurePair, plainLoop, requireEqual } from '../../../bench/schedule/timing.mjs'
import { targets } from '../../../bench/schedule/verdict.mjs'
import { PAYLOADS, taskOf } from '../../../bench/schedule/workloads.mjs'

// The types of the library that draws need a browser's: what leads to them is imported without types.
const load = (file: string): Promise<unknown> => import(new URL(`../../../bench/${file}`, import.meta.url).href)
const { renderChart } = (await load('support/charts.mjs')) as { renderChart: (chart: unknown) => string }
const { gridChart } = (await load('schedule/pictures.mjs')) as {
  gridChart: (results: object) => { panels: { values: (number | null)[][] }[] }
}

const BOUNDS = { mostMs: 3000, mostBytes: 1e9 }

const summary = (median: number) => ({ median, min: median, max: median, samples: 1 })
const measured = (name: string, ratio: number, loopMs = 1) => ({
  ...parseCell(name),
  ratio: summary(ratio),
  loopMs: summary(loopMs),
  ms: summary(loopMs / ratio),
})

describe('cells of the grid', () => {
  it('are named by payload, time and count', () => {
    expect(parseCell('number:0.1us:10k')).toEqual({
      name: 'number:0.1us:10000',
      payload: 'number',
      time: '0.1us',
      itemMs: 0.0001,
      count: 10_000,
    })
    expect(parseCell('rows:10ms:7')).toMatchObject({ payload: 'rows', itemMs: 10, count: 7 })
  })

  it.each([
    'number',
    'number:1us',
    'number:1s:10',
    'numbr:1us:10',
    'number:0us:10',
    'number:1us:0',
    'number:1us:1.5',
    'number:1us:10:10',
  ])('refuse the name %j and say what is right', (name) => {
    expect(() => parseCell(name)).toThrow(
      /no such cell: .*payload:time:count, such as number:0\.1us:10k; payloads are number, skew, 1kb, rows, 10mb/,
    )
  })

  it('are all there, each once', () => {
    const names = grid().map(({ name }: Cell) => name)
    expect(names).toHaveLength(4 * 5 * 5)
    expect(new Set(names).size).toBe(names.length)
  })

  it('are measured or left out for one reason, none forgotten', () => {
    const { measured, tooSlow, tooBig } = select(grid(), BOUNDS)
    expect(measured.length + tooSlow.length + tooBig.length).toBe(grid().length)
    expect(measured.every((cell: Cell) => loopMsOf(cell) <= 3001 && bytesOf(cell) <= 1e9)).toBe(true)
    const names = measured.map(({ name }: Cell) => name)
    expect(names).toContain('number:10us:100000')
    expect(names).toContain('10mb:1ms:100')
    expect(names).not.toContain('number:1ms:10000')
    expect(names).not.toContain('rows:1us:10000')
  })

  it('count the tail of a skewed workload: 5 % take 20 times as long', () => {
    expect(loopMsOf(parseCell('skew:1ms:100'))).toBeCloseTo(195)
    const items = PAYLOADS.skew.make(10, 100)
    expect(items).toHaveLength(100)
    expect(items.slice(93).map((item: number) => item >>> 6)).toEqual([10, 10, 200, 200, 200, 200, 200])
  })

  it('share a process with those of their payload and time', () => {
    const cells = ['number:1us:10', 'rows:1us:10', 'number:1us:100', 'number:10us:10'].map(parseCell)
    expect(inProcesses(cells).map(({ key, members }) => [key, members.map(({ count }: Cell) => count)])).toEqual([
      ['number:1us', [10, 100]],
      ['rows:1us', [10]],
      ['number:10us', [10]],
    ])
    expect(listCells(cells)).toBe('number: 1us × 10 / 100, 10us × 10; 100 KB of rows: 1us × 10')
  })
})

describe('the workloads', () => {
  it.each(['number', '1kb', 'rows', '10mb'])(
    'of kind %s give integers that depend on the steps and on the item',
    (payload) => {
      const call = taskOf({ payload }) as (item: unknown) => number
      const { make } = PAYLOADS[payload as keyof typeof PAYLOADS]
      const results = (steps: number): number[] => plainLoop(call, make(steps, 3))
      expect(results(5).every(Number.isInteger)).toBe(true)
      expect(new Set([...results(5), ...results(6)]).size).toBe(6)
    },
  )
})

it('refuses numbers that would lose steps', () => {
  expect(() => PAYLOADS.number.make(2 ** 26, 1)).toThrow('a number has room for 67108863 steps; received 67108864')
  const [item] = PAYLOADS.number.make(2 ** 26 - 1, 1)
  expect((item as number) >>> 6).toBe(2 ** 26 - 1)
})

describe('a pair of times', () => {
  const cell = parseCell('number:1us:3')
  const workload = { cell, call: (n: number) => n + 1, items: [1, 2, 3] }

  it('has as many rounds as are asked for, and the ratio of both', async () => {
    const pair = await measurePair(workload, (items: number[]) => Promise.resolve(items.map((n) => n + 1)), {
      leastRounds: 2,
      budgetMs: 0,
    })
    expect(pair.rounds).toBe(2)
    expect(pair.ratio).toBeGreaterThan(0)
  })

  it('is refused when the contender gives other results than the loop', async () => {
    await expect(
      measurePair(workload, () => Promise.resolve([2, 3, 5]), { leastRounds: 1, budgetMs: 0 }),
    ).rejects.toThrow('number:1us:3 gave 5 for item 2, the loop 4')
    expect(() => requireEqual('it', [1], [1, 2])).toThrow('it gave 1 results of 2')
  })
})

describe('the schedules that are tried', () => {
  it('are the loop and every number of workers, with and without this thread, of which each thread gets a chunk', () => {
    const all = schedules(64, 2)
    expect(all[0]).toEqual({ name: 'loop', options: null })
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    expect(all).toContainEqual({
      name: '1 worker and this thread, own chunks',
      options: { mode: 'threads', workers: 1, mainThread: true },
    })
    expect(all).toContainEqual({
      name: '1 worker, chunks of 64',
      options: { mode: 'threads', workers: 1, mainThread: false, chunkSize: 64 },
    })
    expect(all.some(({ options }) => options?.workers === 2 && (options.chunkSize ?? 0) > 32)).toBe(false)
  })

  it('leave one worker on a machine with one core', () => {
    expect(new Set(schedules(10, 1).map(({ options }) => options?.workers))).toEqual(new Set([undefined, 1]))
  })

  it('are looked at again when they are among the fastest', () => {
    expect(shortList([{ ms: 3 }, { ms: 1 }, { ms: Infinity }, { ms: 2 }], 2)).toEqual([{ ms: 1 }, { ms: 2 }])
  })
})

describe('the report', () => {
  const cells = [
    measured('number:1us:10', 0.5),
    measured('number:1us:100', 1.234),
    measured('number:10us:10', 0.96),
    measured('rows:1us:10', 1),
  ]

  it('has a table for each payload, with gaps where nothing was measured', () => {
    const [numbers, rows] = ratioTables('warm', cells)
    expect(numbers?.table.columns.map(({ title }: { title: string }) => title)).toEqual(['an item', '× 10', '× 100'])
    expect(numbers?.table.rows).toEqual([
      ['1 µs', '0.50', '1.23'],
      ['10 µs', '0.96', ''],
    ])
    expect(rows?.table.rows).toEqual([['1 µs', '1.00']])
  })

  it('lines up first what loses most of what it may lose', () => {
    expect(lowest(cells, 'warm').map(({ name }: Cell) => name)).toEqual([
      'number:1us:10',
      'number:10us:10',
      'rows:1us:10',
      'number:1us:100',
    ])
  })

  it('paints a map for each payload and situation, a ratio just below a step with the step’s colour', () => {
    const chart = gridChart({ cold: [measured('number:1us:10', 0.9499)], warm: cells })
    expect(chart.panels).toHaveLength(8)
    expect(chart.panels[0]?.values.flat().filter((value) => value !== null)).toEqual([0.9499])
    expect(chart.panels[1]?.values[0]?.slice(0, 3)).toEqual([0.5, 1.234, null])
    const svg = renderChart(chart)
    expect(svg).toContain('>0.94<')
    expect(svg).not.toContain('>0.95<')
    expect(svg).toContain('#fbd9c6')
    expect(renderChart(chart)).toBe(svg)
  })
})

describe('the targets', () => {
  const plan = (situation: string, error: number) => ({ situation, error })
  const ofParts = (parts: object) => targets(parts as Parameters<typeof targets>[0])
  const verdicts = (parts: object) => ofParts(parts).map(({ measured, met }) => [Number(measured.toFixed(3)), met])

  it('of a first call are 5 % or 3 ms, of later ones 5 % or 20 µs, and leave out cells of less than 1 ms', () => {
    const lost = (ratio: number) => 1 / ratio - 1
    const cells = [measured('number:1us:10', 0.01), measured('rows:1us:1k', 0.94)]
    expect(verdicts({ cold: cells })).toEqual([[Number((lost(0.94) / 3).toFixed(3)), true]])
    expect(verdicts({ warm: cells })).toEqual([[Number((lost(0.94) / 0.05).toFixed(3)), false]])
  })

  it('are none where an async function around the loop loses as much', () => {
    const cells = [measured('rows:1us:1k', 0.99), { ...measured('rows:10us:1k', 0.5), floor: 0.5 }]
    expect(verdicts({ warm: cells })).toEqual([[0.202, true]])
  })

  it('ask for both cores where they are worth it', () => {
    const warm = [measured('number:10us:1k', 1.75), measured('1kb:100us:1k', 1.8), measured('number:1us:100k', 1)]
    expect(verdicts({ warm }).slice(1)).toEqual([
      [1.8, false],
      [1.75, true],
    ])
    expect(verdicts({ skew: [measured('skew:10us:1000', 1.95)] })).toEqual([[1.95, true]])
  })

  it('judge regret by the length of the series, and estimates by their median', () => {
    const series = (regret: number) => ({ series: [{ length: 1, regret }] })
    const found = [0, 0.02, 0.3].map((regret, i) => ({ cell: `cell ${i}`, ...series(regret) }))
    expect(verdicts({ series: found })).toEqual([
      [2, true],
      [30, false],
    ])
    expect(verdicts({ prediction: [plan('cold', 0.05), plan('warm', 0.2)] })).toEqual([
      [5, true],
      [20, false],
    ])
  })

  it('compare items that wait with p-map at 64 on the first call and with its best level on later ones', () => {
    const times = (firstMs: number, laterMs: number) => ({
      firstMs: summary(firstMs),
      laterMs: summary(laterMs),
      peakMb: summary(60),
    })
    const contenders = {
      amorsize: times(105, 30),
      'p-map 16': times(400, 400),
      'p-map 64': times(100, 100),
      'p-map 256': times(25, 25),
    }
    const waiting = [{ title: 'sleep', count: 1000, contenders }]
    expect(verdicts({ waiting })).toEqual([
      [1.05, true],
      [1.2, false],
      [1, true],
    ])
  })

  it('compare real tasks with the best of the others, in time and in the memory of the fastest of them', () => {
    const figures = (loop: number, execute: number, piscina: number, pMap: number) => ({
      loop: summary(loop),
      execute: summary(execute),
      piscina: summary(piscina),
      'p-map': summary(pMap),
    })
    const task = {
      title: 'gzip',
      laterMs: figures(100, 60, 50, 100),
      firstMs: figures(100, 104, 200, 100),
      peakMb: figures(50, 110, 100, 50),
    }
    expect(verdicts({ real: [task] })).toEqual([
      [1.2, false],
      [0.8, true],
      [1.1, true],
    ])
    expect(verdicts({ busy: [task] })).toEqual([[1.667, true]])
  })

  it("take an item's own time off a server's longest block", () => {
    const block = (cell: string, itemMs: number, ms: number) => ({ cell, itemMs, longestMs: summary(ms) })
    const server = [block('none', 0, 50), block('number:10ms:50', 10, 19), block('number:100us:5k', 0.1, 12)]
    expect(verdicts({ server })).toEqual([[11.9, false]])
  })
})
