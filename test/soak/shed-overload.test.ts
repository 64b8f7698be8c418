// A real server that waits and computes, asked for three times what it can do. It needs a machine of its own.
import { describe, expect, it } from 'vitest'
import { overload } from '../../bench/http/overload.mjs'

describe('an overloaded server', () => {
  it('takes on a fraction of it behind shed, and refuses the rest', async () => {
    const load = { factor: 3, seconds: 2, settleSeconds: 1 }
    const [without, behindShed] = [await overload('none', load), await overload('shed', load)]
    expect(without.refused).toBe(0)
    // What the clients see depends on what else the machine does, and is in docs/benchmarks.md: here, how much is taken on at a time.
    expect(behindShed.refused).toBeGreaterThan(0)
    expect(behindShed.mostAtOnce).toBeLessThan(without.mostAtOnce / 3)
  }, 60_000)
})
