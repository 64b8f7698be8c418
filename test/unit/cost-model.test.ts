import { describe, expect, it } from 'vitest'
import {
  asyncMs,
  choose,
  type Choices,
  consider,
  type CostInputs,
  loopMs,
  threadsMs,
} from '../../dist/execute/schedule/cost-model.js'

const inputs: CostInputs = {
  items: 1000,
  itemMs: 1,
  cpuShare: 1,
  coresEach: 1,
  isAsync: false,
  sendMs: 0,
  receiveMs: 0,
  spawnMs: 0,
  spawnHereMs: 0,
  wakeMs: 0.1,
  dispatchMs: 0.03,
  isShared: true,
  cores: 2,
  mainWorks: true,
}
const choices: Choices = { mostWorkers: 1, mostInFlight: 256, targetChunkMs: 4, mayUseThreads: true }
const choice = (changed: Partial<CostInputs>, chosen: Partial<Choices> = {}) => {
  const all = { ...inputs, ...changed }
  const open = { ...choices, ...chosen }
  return choose(consider(all, open), all, open)
}

describe('the cost model', () => {
  it('takes the loop for the sum of its items', () => {
    expect(loopMs(inputs)).toBe(1000)
  })

  it('halves it with this thread and one worker on two cores', () => {
    expect(threadsMs(inputs, 1, 4)).toBeGreaterThan(500)
    expect(threadsMs(inputs, 1, 4)).toBeLessThan(502)
  })

  it('gains nothing from more threads than cores', () => {
    expect(threadsMs(inputs, 4, 4)).toBeGreaterThanOrEqual(threadsMs(inputs, 1, 4) * 0.99)
    expect(threadsMs({ ...inputs, cores: 8, mainWorks: false }, 8, 4)).toBeLessThan(130)
  })

  it('counts on this thread while workers start', () => {
    const cold = threadsMs({ ...inputs, spawnMs: 100 }, 1, 4)
    expect(cold).toBeGreaterThan(545)
    expect(cold).toBeLessThan(560) // 100 ms alone, then 900 items shared
    expect(threadsMs({ ...inputs, items: 50, spawnMs: 100 }, 1, 4)).toBe(50)
  })

  it('counts what a start takes from this thread', () => {
    const started = { ...inputs, spawnMs: 100 }
    // 20 ms of items are left over for both.
    expect(threadsMs({ ...started, spawnHereMs: 20 }, 1, 4) - threadsMs(started, 1, 4)).toBeCloseTo(10, 0)
    expect(threadsMs({ ...started, spawnHereMs: 200 }, 1, 4)).toBeCloseTo(
      threadsMs({ ...inputs, spawnMs: 0 }, 1, 4) + 100,
      0,
    )
  })

  it('finds a worker ready only between two items of this thread, and gives both whole items', () => {
    const few = { ...inputs, items: 8, itemMs: 10, spawnMs: 45 }
    // Five items until it is ready; of the other three, one thread has two.
    expect(threadsMs(few, 1, 1)).toBeGreaterThanOrEqual(70)
    expect(threadsMs(few, 1, 1)).toBeLessThan(71)
    expect(choice({ ...few, isShared: false, sendMs: 6, receiveMs: 6 }).mode).toBe('serial')
  })

  it('agrees with the measured speed-ups of chunks of 1 KB objects and rows', () => {
    const speedUp = (changed: Partial<CostInputs>, chunk: number) => {
      const all = { ...inputs, isShared: false, mainWorks: false, ...changed }
      return loopMs(all) / threadsMs(all, 2, chunk)
    }
    // Two workers; what is cloned costs this thread its half, and the workers theirs.
    expect(speedUp({ itemMs: 0.01, items: 10_000, sendMs: 0.002, receiveMs: 0.002 }, 100)).toBeGreaterThan(1.2)
    expect(speedUp({ itemMs: 0.1, items: 500, sendMs: 0.36, receiveMs: 0.36 }, 5)).toBeLessThan(0.4)
    expect(speedUp({ itemMs: 1, items: 500, sendMs: 0.36, receiveMs: 0.36 }, 5)).toBeLessThan(1.5)
  })

  it('leaves short runs to the loop where workers are slow to begin', () => {
    expect(choice({ items: 100, itemMs: 0.01, wakeMs: 0.1 }).mode).toBe('threads')
    expect(choice({ items: 100, itemMs: 0.01, wakeMs: 0.5 }).mode).toBe('serial')
  })

  it('divides few long items as they can be divided', () => {
    expect(threadsMs({ ...inputs, items: 3, itemMs: 100 }, 1, 1)).toBeGreaterThanOrEqual(200)
  })

  it('overlaps waiting, not computing', () => {
    const waiting = { ...inputs, isAsync: true, itemMs: 100, items: 100, cpuShare: 0.01, coresEach: 0.01 }
    expect(asyncMs(waiting, 10)).toBe(1000)
    expect(asyncMs(waiting, 100)).toBe(100)
    expect(asyncMs({ ...waiting, cpuShare: 0.5 }, 100)).toBe(5000)
  })
})

describe('the choice', () => {
  it.each<[string, Partial<CostInputs>, Partial<Choices>, string]>([
    ['short work stays', { items: 100, itemMs: 0.001 }, {}, 'serial'],
    ['long work goes to threads', {}, {}, 'threads'],
    ['not where it is not worth the start', { items: 40, spawnMs: 35 }, {}, 'serial'],
    [
      'not where copying costs more than running',
      { itemMs: 0.1, isShared: false, sendMs: 0.1, receiveMs: 0.1 },
      {},
      'serial',
    ],
    ['not on one core', { cores: 1 }, { mostWorkers: 0 }, 'serial'],
    ['not where threads cannot have the task', {}, { mayUseThreads: false }, 'serial'],
    ['waiting overlaps here', { isAsync: true, itemMs: 50, cpuShare: 0.05, mainWorks: false }, {}, 'async'],
    [
      'unless threads are preferred and about as good',
      { isAsync: true, itemMs: 10, cpuShare: 0.9, mainWorks: false, items: 1000 },
      { prefer: 'threads', mostWorkers: 2 },
      'threads',
    ],
    ['a forced mode is kept', { items: 10, itemMs: 0.001 }, { mode: 'threads' }, 'threads'],
  ])('%s', (_, changed, chosen, mode) => {
    expect(choice(changed, chosen).mode).toBe(mode)
  })
})
