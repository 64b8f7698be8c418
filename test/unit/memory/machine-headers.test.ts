import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Bulkhead, circuitBreaker, KeyedRateLimiter, RateLimiter } from '../../../dist/index.js'
import { KEYED_GROUPS, type MachineRegion, mapMachineRegions } from '../../../dist/memory/machine/regions.js'
import {
  CELL_BYTES,
  KEYED,
  MACHINE,
  NAMED_BUCKET,
  REGION,
  SEMAPHORE,
  WAITERS,
  WORDS_PER_CELL,
} from '../../../dist/memory/shared/layout.js'
import { describeMachine, filesOf, machineName } from '../../support/machine.js'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

const HEADER_WORDS = MACHINE.headerCells * WORDS_PER_CELL
/** Cells that are read with the header. */
const WITH_HEADER = 16
const HEADER_BYTES = MACHINE.headerCells * CELL_BYTES

/** Shows changed copies of the region that `make` makes of a name. */
function copiesOf(
  make: (name: string) => unknown,
): (change?: (words: BigInt64Array) => void, bytes?: number) => MachineRegion {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-headers-'))
  folders.push(folder)
  const name = machineName()
  make(name)
  const original = readFileSync(filesOf(name)[0]!)
  return (change = () => undefined, bytes = original.length) => {
    const words = new BigInt64Array(new Uint8Array(original).buffer)
    change(words)
    const file = join(folder, `amorsize.${process.geteuid!()}.copy`)
    writeFileSync(file, words, { mode: 0o600 })
    truncateSync(file, bytes)
    return mapMachineRegions((region) => region, folder)[0]!
  }
}

const seen: { limiter?: ReturnType<typeof copiesOf> } = {}
const limiter = (): ReturnType<typeof copiesOf> =>
  (seen.limiter ??= copiesOf((name) => new RateLimiter({ name, scope: 'machine', requestsPerSecond: 1 })))

describeMachine('a region whose header', () => {
  const set = (word: number, value: bigint) => (words: BigInt64Array) => void (words[word] = value)
  const add = (word: number, value: bigint) => (words: BigInt64Array) => void (words[word]! += value)

  it.each([
    ['is whole', 'ready', () => undefined],
    ['has no mark yet', 'unfinished', set(REGION.magic, 0n)],
    ['has another mark', 'not-a-region', add(REGION.magic, 1n)],
    ['is of a later version', 'other-version', add(REGION.version, 1n)],
    ['says that there is more', 'not-a-region', add(REGION.cells, 1n)],
    ['has no name', 'ready', set(MACHINE.nameBytes, 0n)],
    ['has the longest name', 'ready', set(MACHINE.nameBytes, BigInt(MACHINE.nameWords * 8))],
    ['has a longer name', 'not-a-region', set(MACHINE.nameBytes, BigInt(MACHINE.nameWords * 8 + 1))],
    ['has a name of less than nothing', 'not-a-region', set(MACHINE.nameBytes, -1n)],
    ['is of another boot by its first half', 'other-boot', add(MACHINE.bootHigh, 1n)],
    ['is of another boot by its second half', 'other-boot', add(MACHINE.bootLow, 1n)],
  ] as const)('%s: %s', (_, state, change) => {
    const region = limiter()(change)
    expect(region.state).toBe(state)
    if (state === 'ready') {
      expect(region.processes).toEqual([process.pid])
      expect(region.words.length).toBeGreaterThan(0)
    } else {
      expect([region.processes, region.words.length]).toEqual([[], 0])
      expect(region.name === null).toBe(state !== 'other-boot')
    }
  })

  it('is all that there is, or is cut: none', () => {
    const copy = limiter()
    const cells = (count: number) => (words: BigInt64Array) => void (words[REGION.cells] = BigInt(count))
    expect(copy(cells(MACHINE.headerCells), HEADER_BYTES).state).toBe('not-a-region')
    expect(copy(cells(MACHINE.headerCells), HEADER_BYTES + 8).state).toBe('not-a-region')
    expect(copy(cells(MACHINE.headerCells + 1), HEADER_BYTES + CELL_BYTES).state).toBe('ready')
    expect(copy(undefined, HEADER_BYTES - 8).state).toBe('not-a-region')
    expect(copy(undefined, 0).state).toBe('unfinished')
  })
})

describeMachine('of a region so much is read as says something:', () => {
  const cellsOf = ({ words }: MachineRegion): number => words.length / WORDS_PER_CELL

  it('of a limiter the rows in which callers wait', () => {
    const copy = limiter()
    const used = HEADER_WORDS + NAMED_BUCKET.cells * WORDS_PER_CELL + WAITERS.used
    const cells = (rows: bigint): number => cellsOf(copy((words) => void (words[used] = rows)))
    const none = NAMED_BUCKET.cells + 1
    expect([-5n, 0n, 1n].map(cells)).toEqual([WITH_HEADER, WITH_HEADER, WITH_HEADER])
    expect([40n, 1000n].map(cells)).toEqual([none + 40, none + WAITERS.machineRows])
  })

  it('of a keyed limiter its first groups', () => {
    const make = (name: string): unknown =>
      new KeyedRateLimiter({ name, scope: 'machine', requestsPerSecond: 1, capacity: 10_000 })
    expect(cellsOf(copiesOf(make)())).toBe(KEYED.headerCells + KEYED_GROUPS * KEYED.groupCells)
  })

  it('of a bulkhead all, of a breaker nothing beyond what is read with the header', () => {
    const bulkhead = (name: string): unknown => new Bulkhead({ name, scope: 'machine', maxConcurrent: 3 })
    expect(cellsOf(copiesOf(bulkhead)())).toBe(SEMAPHORE.cells)
    const breaker = (name: string): unknown => circuitBreaker({ name, scope: 'machine' })
    expect(cellsOf(copiesOf(breaker)())).toBeLessThanOrEqual(WITH_HEADER)
  })
})
