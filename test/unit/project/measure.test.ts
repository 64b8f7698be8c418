import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { caseNamed, cases, type DecideCase } from '../../../bench/decide/cases.mjs'
import { asyncLoop, syncLoop } from '../../../bench/decide/loop.mjs'
import { measureCase } from '../../../bench/decide/measure.mjs'

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  devDependencies: Record<string, string>
}
const common = { subject: 'test', call: 'call()', package: null, role: 'floor' } as const
const noImports = (): Promise<never> => Promise.reject(new Error('nothing to import'))

function syncCase(path: 'allowed' | 'denied', call: () => boolean): DecideCase {
  return { ...common, id: `test/${path}`, path, make: () => Promise.resolve(call) }
}
function asyncCase(path: 'await' | 'await-denied', call: () => Promise<unknown>): DecideCase {
  return { ...common, id: `test/${path}`, path, make: () => Promise.resolve(call) }
}

describe('the measuring loops', () => {
  it('make exactly the calls they are asked for and count those that were allowed', async () => {
    let calls = 0
    expect(syncLoop(() => ++calls % 3 === 0, 300)).toBe(100)
    expect(calls).toBe(300)

    calls = 0
    expect(await asyncLoop(() => (++calls % 4 === 0 ? Promise.reject(new Error('no')) : Promise.resolve()), 100)).toBe(
      75,
    )
    expect(calls).toBe(100)
  })

  it('await one call before they make the next', async () => {
    let running = 0
    let most = 0
    await asyncLoop(async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    }, 50)
    expect(most).toBe(1)
  })
})

describe('measureCase', () => {
  it('refuses a case whose calls do not all end as its path promises', async () => {
    let calls = 0
    const onceDenied = syncCase('allowed', () => ++calls !== 100)
    await expect(measureCase(onceDenied, noImports, 5)).rejects.toThrow(
      /test\/allowed: \d+ of \d+ calls were allowed; expected all/,
    )

    calls = 0
    const onceAllowed = asyncCase('await-denied', () =>
      ++calls === 100 ? Promise.resolve() : Promise.reject(new Error('no')),
    )
    await expect(measureCase(onceAllowed, noImports, 5)).rejects.toThrow(/1 of \d+ calls were allowed; expected none/)
  })

  it('finds the bytes a call allocates, and none where it allocates none', async () => {
    let kept: number[] = []
    const allocates = syncCase('allowed', () => (kept = new Array<number>(100).fill(1.5)).length > 0)
    const measured = await measureCase(allocates, noImports, 20)
    // 100 doubles are 800 bytes, the headers some more.
    expect(measured.heapBytesPerCall).toBeGreaterThanOrEqual(800)
    expect(measured.heapBytesPerCall).toBeLessThan(2000)
    expect(kept).toHaveLength(100)

    let state = 0
    const measuredEmpty = await measureCase(
      syncCase('denied', () => ++state < 0),
      noImports,
      20,
    )
    expect(measuredEmpty.heapBytesPerCall).toBe(0)
  })

  it('gives the time of the calls themselves: at least what each waits, and no more than they saw pass', async () => {
    let [seenNs, seen] = [0, 0]
    const waits = syncCase('allowed', () => {
      const start = process.hrtime.bigint()
      while (process.hrtime.bigint() - start < 10_000n);
      seenNs += Number(process.hrtime.bigint() - start)
      seen++
      return true
    })
    // A busy machine takes the core away within a call, and between two: the best of some measurements is little disturbed.
    let bestNs = Infinity
    for (let i = 0; i < 5; i++) {
      const before = seen
      const { nsPerCall, calls } = await measureCase(waits, noImports, 30)
      expect(nsPerCall).toBeGreaterThan(9_500)
      expect(calls).toBeLessThanOrEqual(seen - before)
      bestNs = Math.min(bestNs, nsPerCall)
    }
    expect(bestNs).toBeLessThan((3 * seenNs) / seen)
  })
})

describe('the list of cases', () => {
  it('has unique ids, and every rival in a version of its own', () => {
    const ids = cases.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const rivals = new Set(cases.flatMap(({ package: name }: DecideCase) => name ?? []))
    expect(rivals.size).toBeGreaterThan(5)
    for (const name of rivals) expect(manifest.devDependencies[name], name).toMatch(/^\d+\.\d+\.\d+$/)
  })

  it('refuses an id it does not hold', () => {
    expect(() => caseNamed('limiter/nothing')).toThrow("no benchmark case is called 'limiter/nothing'")
  })
})
