import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { LoopLag } from '../../../dist/http/shed/event-loop.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

describe('how long the event loop was busy before requests of a turn', () => {
  it('is what was computed since the last turn with requests', async () => {
    const lag = new LoopLag()
    lag.readMs()
    await turn()
    // It sleeps to measure the real event loop; bounds are of what is certain.
    setTimeout(() => block(60), 0)
    await wait(5)
    expect(lag.readMs()).toBeGreaterThanOrEqual(59)
  })

  it('is the same for all requests of a turn, however long they take', async () => {
    const lag = new LoopLag()
    await turn()
    const first = lag.readMs()
    block(20)
    expect(lag.readMs()).toBe(first)
    await turn()
    expect(lag.readMs()).not.toBe(first)
  })

  it('is measured on after fake timers have come and gone', async () => {
    const lag = new LoopLag()
    vi.useFakeTimers({ toFake: ['setImmediate'] })
    lag.readMs()
    vi.useRealTimers()
    await turn()
    block(60)
    expect(lag.readMs()).toBeGreaterThanOrEqual(59)
  })

  it('leaves out what the loop was idle', async () => {
    const lag = new LoopLag()
    lag.readMs()
    await turn()
    const startMs = performance.now()
    await wait(200)
    expect(lag.readMs()).toBeLessThan((performance.now() - startMs) / 2)
  })
})
