import { stream } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { systemInfo } from 'amorsize/system'
import { chunkMs, FreshLimits, scarceHeapBytes, sensibleWorkers } from '../../../dist/execute/schedule/machine.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { RoomByMemory } from '../../../dist/execute/run/result-stream.js'
import { collect } from '../../support/collect.js'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

describe('the heap of a worker', () => {
  it.each<[string, number | null, number, number | undefined]>([
    ["is Node's where there is memory enough", 64 * GiB, 4, undefined],
    ["is Node's where nobody knows", null, 4, undefined],
    ['is an equal part where there is not', 2 * GiB, 3, 512 * MiB],
    ['is not too small to work in', 200 * MiB, 8, 64 * MiB],
    ['is not more than half of what there is: the process would end of that', 55 * MiB, 2, 27.5 * MiB],
    ['is enough to start', 0, 2, 8 * MiB],
  ])('%s', (_, availableBytes, cpuWorkers, bytes) => {
    expect(scarceHeapBytes({ availableBytes, cpuWorkers }, 4 * GiB)).toBe(bytes)
  })

  it("never becomes larger than Node's", () => {
    expect(scarceHeapBytes({ availableBytes: 100 * MiB, cpuWorkers: 1 }, 40 * MiB)).toBeUndefined()
  })
})

describe('while memory is short', () => {
  /** Limits of a machine of 8 cores, in a group of 1 GiB that uses what the test says. */
  function grouped() {
    const clock = new FakeClock()
    const info = systemInfo()
    let reads = 0
    let workingSetBytes = 500 * MiB
    const memory = { ...info.memory, totalBytes: 64 * GiB, effectiveLimitBytes: GiB, availableBytes: 900 * MiB }
    const limits = new FreshLimits(
      () => {
        reads++
        return {
          ...info,
          cpu: { ...info.cpu, cpuWorkers: 8 },
          memory: { ...memory, oomKills: null, workingSetBytes },
          pids: { limit: null, available: null },
        }
      },
      () => clock.now(),
    )
    const after = async (ms: number, mebibytes: number) => {
      workingSetBytes = mebibytes * MiB
      await clock.advance(ms)
      const now = limits.read()
      return { workers: sensibleWorkers(now, false, 0, false), chunkMs: chunkMs(now, 4), reads }
    }
    return after
  }

  it('a run has half of the workers, and smaller chunks, until that is over', async () => {
    const after = grouped()
    expect(await after(0, 500)).toEqual({ workers: 8, chunkMs: 4, reads: 1 })
    // Looked at once a second.
    expect(await after(900, 1000)).toEqual({ workers: 8, chunkMs: 4, reads: 1 })
    expect(await after(200, 1000)).toEqual({ workers: 4, chunkMs: 1, reads: 2 })
    expect(await after(1100, 900)).toEqual({ workers: 4, chunkMs: 1, reads: 3 })
    expect(await after(1100, 800)).toEqual({ workers: 8, chunkMs: 4, reads: 4 })
  })

  it('one core is one core', () => {
    const limits = {
      cpuWorkers: 1,
      pidsAvailable: null,
      availableBytes: null,
      mostWorkers: Infinity,
      cpuPressure: null,
    }
    expect(sensibleWorkers({ ...limits, isMemoryHigh: true }, false, 0, false)).toBe(1)
    expect(sensibleWorkers({ ...limits, isMemoryHigh: true, cpuWorkers: 2 }, true, 0, true)).toBe(0)
  })
})

describe('room by memory', () => {
  it('takes 64 KiB for a result until it has seen one', () => {
    expect(new RoomByMemory(8 * 64 * 1024 * 100, 1000).room).toBe(100)
  })

  it('is for the largest result that it has seen', () => {
    const memory = new RoomByMemory(8 * GiB, 65_536)
    memory.saw('x'.repeat(100))
    expect(memory.room).toBe(65_536)
    memory.saw(new Uint8Array(64 * MiB))
    expect(memory.room).toBe(15)
    memory.saw('small')
    memory.saw('small')
    expect(memory.room).toBe(15)
  })

  it('leaves room for one, however large, and no more than the most', () => {
    const memory = new RoomByMemory(MiB, 50)
    memory.saw(new Uint8Array(64 * MiB))
    expect(memory.room).toBe(1)
    const unknown = new RoomByMemory(null, 50)
    unknown.saw('x')
    expect(unknown.room).toBe(50)
  })

  it('weighs few of many', () => {
    const memory = new RoomByMemory(GiB, 1000)
    let weighed = 0
    for (let i = 0; i < 100_000; i++) if (memory.saw('x')) weighed++
    expect(weighed).toBeLessThan(120)
  })

  it('bounds a stream by the size of its results', async () => {
    // Each of these says it takes an eighth of all memory, so that one at a time is all there is room for.
    let [most, underWay, read] = [0, 0, 0]
    const huge = new Array<number>(2 ** 32 - 1)
    const source = (function* () {
      for (let n = 0; n < 50; n++) {
        most = Math.max(most, ++underWay)
        yield n
      }
    })()
    const results = stream(
      async () => {
        await new Promise(setImmediate)
        return huge
      },
      source,
      { batchSize: 'auto' },
    )
    for await (const result of results) {
      expect(result).toBe(huge)
      underWay--
      if (++read === 5) most = 0
    }
    expect(read).toBe(50)
    expect(most).toBeLessThanOrEqual(2)
  })

  it('gives the results of an ordinary stream', async () => {
    const numbers = Array.from({ length: 5000 }, (_, n) => n)
    expect(await collect(stream((n: number) => 2 * n, numbers.values(), { batchSize: 'auto' }))).toEqual(
      numbers.map((n) => 2 * n),
    )
  })
})
