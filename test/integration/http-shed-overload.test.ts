// A real server that waits and computes, asked for three times what it can do.
import { describe, expect, it } from 'vitest'
import { overload } from '../../bench/http/overload.mjs'

describe('an overloaded server', () => {
  it('answers in good time behind shed what it admits, and does no less work', async () => {
    const load = { factor: 3, seconds: 3, settleSeconds: 2 }
    const [without, behindShed] = [await overload('none', load), await overload('shed', load)]
    expect(without.refused).toBe(0)
    // Three times too much: at least half has to be refused, whatever else the machine does.
    expect(behindShed.refused).toBeGreaterThan(0.4)
    // What is not refused waits for all that came before. The 99th percentile says how busy the machine is besides: that is in docs/benchmarks.md.
    expect(behindShed.busyP50Ms).toBeLessThan(without.busyP50Ms / 3)
    expect(behindShed.goodput).toBeGreaterThan(without.goodput / 2)
  }, 60_000)
})
