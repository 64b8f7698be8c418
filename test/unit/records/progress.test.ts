import { describe, expect, it } from 'vitest'
import type { Progress } from '../../../dist/records/recorder.js'
import { ProgressMeter } from '../../../dist/records/progress.js'
import { barLine, openProgressBar } from '../../../dist/internal/text/progress-bar.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { PassThrough } from 'node:stream'

function meter(total: number | null, wasFinished: (index: number) => boolean = () => false, finishedCount = 0) {
  const clock = new FakeClock()
  const reports: Progress[] = []
  return {
    clock,
    reports,
    meter: new ProgressMeter(total, [(progress) => reports.push(progress)], { has: wasFinished, finishedCount }, clock),
  }
}

describe('progress', () => {
  it('is told at most ten times a second, and once more at the end', async () => {
    const { clock, reports, meter: m } = meter(1000)
    for (let i = 0; i < 1000; i++) {
      await clock.advance(3)
      m.itemFinished(i)
    }
    expect(reports.length).toBe(29)
    for (const [i, report] of reports.slice(1).entries())
      expect(report.elapsedMs - reports[i]!.elapsedMs).toBeGreaterThanOrEqual(100)
    await m.close()
    expect(reports.at(-1)).toEqual({
      completed: 1000,
      failed: 0,
      total: 1000,
      percent: 100,
      itemsPerSecond: expect.closeTo(333.3, 0),
      elapsedMs: 3000,
      etaMs: 0,
    })
  })

  it('grows only, counts failures, and says how much longer', async () => {
    const { clock, reports, meter: m } = meter(200)
    for (let i = 0; i < 100; i++) {
      await clock.advance(50)
      if (i % 4 === 0) m.itemFailed()
      else m.itemFinished(i)
    }
    for (const [i, report] of reports.slice(1).entries()) {
      const before = reports[i]!
      for (const key of ['completed', 'failed', 'percent', 'elapsedMs'] as const)
        expect(report[key]).toBeGreaterThanOrEqual(before[key]!)
    }
    expect(reports.at(-1)).toMatchObject({ completed: 75, failed: 25, percent: 50, itemsPerSecond: 20, etaMs: 5000 })
  })

  it('follows a rate that changes', async () => {
    const { clock, reports, meter: m } = meter(null)
    const every = async (ms: number, times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        await clock.advance(ms)
        m.itemFinished(i)
      }
    }
    await every(1, 1000)
    expect(reports.at(-1)!.itemsPerSecond).toBeCloseTo(1000, -1)
    await every(100, 100)
    expect(reports.at(-1)).toMatchObject({ total: null, percent: null, itemsPerSecond: 10, etaMs: null })
  })

  it('starts from what earlier runs finished, at the rate of this one', async () => {
    const { clock, reports, meter: m } = meter(100, (index) => index < 50)
    for (let i = 0; i < 50; i++) m.itemTaken(i)
    for (let i = 50; i < 75; i++) {
      m.itemTaken(i)
      await clock.advance(100)
      m.itemFinished(i)
    }
    expect(reports[0]).toMatchObject({ completed: 51, itemsPerSecond: 10 })
    expect(reports.at(-1)).toMatchObject({ completed: 75, percent: 75, itemsPerSecond: 10, etaMs: 2500 })
  })

  it('expects no time for what earlier runs finished and this one has yet to come to', async () => {
    const { clock, reports, meter: m } = meter(100, (index) => index >= 10 && index < 60, 50)
    for (let i = 0; i < 70; i++) {
      m.itemTaken(i)
      if (i >= 10 && i < 60) continue
      await clock.advance(100)
      m.itemFinished(i)
    }
    expect(reports[0]).toMatchObject({ completed: 1, percent: 1, itemsPerSecond: 10, etaMs: 4900 })
    expect(reports.at(-1)).toMatchObject({ completed: 70, percent: 70, itemsPerSecond: 10, etaMs: 3000 })
  })

  it('is 100 % of no items, and never more', async () => {
    const none = meter(0)
    await none.meter.close()
    expect(none.reports).toEqual([
      { completed: 0, failed: 0, total: 0, percent: 100, itemsPerSecond: 0, elapsedMs: 0, etaMs: 0 },
    ])
    const more = meter(1)
    for (let i = 0; i < 3; i++) more.meter.itemFinished(i)
    await more.meter.close()
    expect(more.reports).toMatchObject([{ completed: 3, total: 3, percent: 100 }])
  })

  it('survives a listener that throws', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const m = new ProgressMeter(1, [
      () => {
        throw new Error('my own fault')
      },
    ])
    await m.close()
    expect((await warned).message).toMatch(/listener onProgress failed.*my own fault/)
  })
})

describe('the bar', () => {
  const state = { completed: 1200, failed: 0, total: 4000, itemsPerSecond: 123.456, elapsedMs: 9720, etaMs: 22_680 }

  it('shows how far, how many, how fast and how much longer', () => {
    expect(barLine(state)).toBe(`${'█'.repeat(9)}${'░'.repeat(21)} 30% | 1,200/4,000 | 123/s | 0:23 left`)
    expect(barLine({ ...state, failed: 2, etaMs: 4_000_000 })).toContain('| 123/s | 2 failed | 1:06:40 left')
    expect(barLine({ ...state, total: null, etaMs: null })).toBe('1,200 items | 123/s | 0:10')
    expect(barLine({ ...state, completed: 0, total: 0, etaMs: 0 })).toContain(' 100% | 0/0 |')
  })

  it('is drawn on a terminal, and on nothing else', async () => {
    expect(await openProgressBar(new PassThrough())).toBe(null)
    const terminal = Object.assign(new PassThrough(), {
      isTTY: true,
      columns: 120,
      cursorTo: () => true,
      moveCursor: () => true,
      clearLine: () => true,
    })
    const bar = (await openProgressBar(terminal))!
    const interruptHandlers = process.listenerCount('SIGINT')
    bar.update(state)
    expect(process.listenerCount('SIGINT')).toBe(interruptHandlers)
    bar.update({ ...state, completed: 4000, etaMs: 0 })
    bar.stop()
    terminal.end()
    expect((await terminal.toArray()).join('')).toContain('100% | 4,000/4,000 | 123/s | 0:10')
  })
})
