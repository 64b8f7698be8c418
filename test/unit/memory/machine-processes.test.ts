import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Bulkhead, RateLimiter } from '../../../dist/index.js'
import { mapMachineRegions } from '../../../dist/memory/machine/regions.js'
import { describeRegion, type MachineEntry } from '../../../dist/memory/machine/view.js'
import { MACHINE, SEMAPHORE, WORDS_PER_CELL } from '../../../dist/memory/shared/layout.js'
import { describeMachine, filesOf, machineName } from '../../support/machine.js'
import { makeZombie } from '../../support/zombie.js'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

const FIRST_CELL = MACHINE.headerCells * WORDS_PER_CELL
/** A process of another start with the same number, and none of the least that may be. */
const LATER = 1n << BigInt(MACHINE.pidBits)
const NO_PROCESS = LATER | (LATER - 1n)
const OTHER_SPACE = 1n

describeMachine('of the processes that use a name', () => {
  /** Shows changed copies of the region of `name`, as it is now. */
  function regionOf(name: string): (change: (words: BigInt64Array) => void) => MachineEntry {
    const folder = mkdtempSync(join(tmpdir(), 'amorsize-processes-'))
    folders.push(folder)
    const bytes = readFileSync(filesOf(name)[0]!)
    return (change) => {
      const words = new BigInt64Array(new Uint8Array(bytes).buffer)
      change(words)
      writeFileSync(join(folder, `amorsize.${process.geteuid!()}.copy`), words, { mode: 0o600 })
      return mapMachineRegions(describeRegion, folder)[0]!
    }
  }

  it('those are shown that run, by number and start, and those that cannot be judged from here', () => {
    const name = machineName()
    new RateLimiter({ name, scope: 'machine', requestsPerSecond: 1 })
    const seen = regionOf(name)
    let own = 0n
    let space = 0n
    const processes = (rows: [row: number, owner: bigint, space: bigint][]): readonly number[] =>
      seen((words) => {
        own = words[MACHINE.owners]!
        space = words[MACHINE.owners + 1]!
        words.fill(0n, MACHINE.owners, MACHINE.owners + MACHINE.ownerRows * MACHINE.ownerRowWords)
        for (const [row, owner, ofSpace] of rows)
          words.set([owner, ofSpace], MACHINE.owners + row * MACHINE.ownerRowWords)
      }).processes
    expect(processes([])).toEqual([])
    const last = MACHINE.ownerRows - 1
    for (const row of [0, 5, last]) expect(processes([[row, own, space]])).toEqual([process.pid])
    expect(processes([[0, own, 0n]])).toEqual([process.pid])
    expect(processes([[0, own + LATER, space]])).toEqual([])
    expect(processes([[0, NO_PROCESS, space]])).toEqual([])
    expect(processes([[0, NO_PROCESS, 0n]])).toEqual([])
    expect(processes([[0, LATER | 7n, OTHER_SPACE]])).toEqual([7])
    // Only the upper half of the word is not 0.
    expect(processes([[0, 1n << 32n, OTHER_SPACE]])).toEqual([0])
    const [ended, stranger] = [NO_PROCESS, LATER | 7n]
    expect(
      processes([
        [0, ended, space],
        [1, stranger, OTHER_SPACE],
        [2, own, space],
        [last, own, space],
      ]),
    ).toEqual([7, process.pid, process.pid])
  })

  it('one that has ended is not shown, also where nobody has waited for its end', async () => {
    const name = machineName()
    new RateLimiter({ name, scope: 'machine', requestsPerSecond: 1 })
    const seen = regionOf(name)
    const { pid, started, bury } = await makeZombie()
    const owner = (BigInt(started) << BigInt(MACHINE.pidBits)) | BigInt(pid)
    expect(seen((words) => words.set([owner], MACHINE.owners)).processes).toEqual([])
    bury()
  })

  it('those that have ended hold no slots of a bulkhead', async () => {
    const name = machineName()
    const bulkhead = new Bulkhead({ name, scope: 'machine', maxConcurrent: 5 })
    const permits = [await bulkhead.acquire(), await bulkhead.acquire()]
    const seen = regionOf(name)
    const first = FIRST_CELL + SEMAPHORE.firstRow
    const held = (change: (row: BigInt64Array, words: BigInt64Array) => void): number | null =>
      seen((words) => {
        change(words.subarray(first, first + WORDS_PER_CELL), words)
      }).permits
    expect(held(() => undefined)).toBe(2)
    expect(held((row) => (row[SEMAPHORE.owner]! += LATER))).toBe(0)
    expect(held((row) => row.set([NO_PROCESS], SEMAPHORE.owner))).toBe(0)
    expect(
      held((row) => {
        row[SEMAPHORE.owner]! += LATER
        row[SEMAPHORE.space] = OTHER_SPACE
      }),
    ).toBe(2)
    // In the last row that there may be, and twice as many: half were handed over.
    expect(
      held((row, words) => {
        const last = words.subarray(first + (SEMAPHORE.mostRows - 1) * WORDS_PER_CELL)
        last.set(row)
        row.fill(0n)
        last[SEMAPHORE.owner]! += LATER
        last[SEMAPHORE.grants] = last[SEMAPHORE.own]!
      }),
    ).toBe(0)
    for (const permit of permits) permit[Symbol.dispose]()
  })
})
