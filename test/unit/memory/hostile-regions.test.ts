import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  ftruncateSync,
  closeSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { Bulkhead, circuitBreaker, KeyedRateLimiter, RateLimiter } from '../../../dist/index.js'
import { mapMachineRegions } from '../../../dist/memory/machine/regions.js'
import { describeRegion } from '../../../dist/memory/machine/view.js'
import { describeMachine, filesOf, machineName } from '../../support/machine.js'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

describeMachine('a folder of regions in which anybody may put anything', () => {
  const ours = `amorsize.${process.geteuid?.() ?? 0}.`
  let folder: string
  let name: string
  const put = (file: string): string => join(folder, ours + file)
  const entries = () => mapMachineRegions(describeRegion, folder)
  const states = () => Object.fromEntries(entries().map(({ file, state }) => [file.slice(put('').length), state]))

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-hostile-'))
    folders.push(folder)
    name = machineName()
    new RateLimiter({ name, scope: 'machine', requestsPerSecond: 1, burstSize: 10 })
    copyFileSync(filesOf(name)[0]!, put('good'))
    chmodSync(put('good'), 0o600)
  })

  const private_ = (file: string, bytes: Uint8Array | string): void => writeFileSync(put(file), bytes, { mode: 0o600 })

  it('says so where there is no such folder, as in a container without shared memory', () => {
    expect(() => mapMachineRegions(describeRegion, join(folder, 'none'))).toThrow(
      expect.objectContaining({
        code: 'ERR_SHARED_MEMORY',
        reason: 'unavailable',
        message: expect.stringMatching(/cannot be listed: ENOENT/) as string,
      }) as Error,
    )
  })

  it('shows each thing as what it is, beside the good ones', () => {
    private_('odd', '')
    truncateSync(put('odd'), 4100)
    private_('empty', '')
    private_('noise', Buffer.alloc(5000, 0xa7))
    private_('one-byte', 'x')
    const huge = openSync(put('huge'), 'w', 0o600)
    ftruncateSync(huge, 2 ** 42)
    closeSync(huge)
    copyFileSync(put('good'), put('cut'))
    chmodSync(put('cut'), 0o600)
    truncateSync(put('cut'), 4352)
    copyFileSync(put('good'), put('odd-but-headed'))
    chmodSync(put('odd-but-headed'), 0o600)
    truncateSync(put('odd-but-headed'), 4481)
    copyFileSync(put('good'), put('public'))
    chmodSync(put('public'), 0o644)
    mkdirSync(put('folder'))
    symlinkSync(put('good'), put('link'))
    symlinkSync('/nowhere', put('dangling'))
    execFileSync('mkfifo', [put('pipe')])
    expect(states()).toEqual({
      good: 'ready',
      odd: 'unfinished',
      empty: 'unfinished',
      noise: 'not-a-region',
      'one-byte': 'unfinished',
      huge: 'unfinished',
      cut: 'not-a-region',
      'odd-but-headed': 'not-a-region',
      public: 'not-private',
      folder: 'not-a-region',
      link: 'not-a-region',
      dangling: 'not-a-region',
      pipe: 'not-a-region',
    })
    expect(entries().find(({ state }) => state === 'ready')).toMatchObject({ name, burstSize: 10 })
    expect(entries().filter((entry) => entry.name !== null)).toHaveLength(1)
  })

  it.skipIf(process.geteuid?.() !== 0)('shows files of another user as foreign (needs root)', () => {
    copyFileSync(put('good'), put('theirs'))
    chmodSync(put('theirs'), 0o600)
    chownSync(put('theirs'), 12_345, 12_345)
    expect(entries().find(({ state }) => state === 'foreign')).toMatchObject({
      name: null,
      tokens: null,
      processes: [],
    })
  })

  it('survives whatever words a region holds', () => {
    const makers = [
      () => new RateLimiter({ name: machineName(), scope: 'machine', requestsPerSecond: 1 }),
      () => new KeyedRateLimiter({ name: machineName(), scope: 'machine', requestsPerSecond: 1, capacity: 64 }),
      () => new Bulkhead({ name: machineName(), scope: 'machine', maxConcurrent: 3 }),
      () => circuitBreaker({ name: machineName(), scope: 'machine' }),
    ]
    for (const make of makers) make()
    const good = mapMachineRegions((region) => region).filter(({ name: found }) =>
      found?.startsWith(`test-${process.pid}-`),
    )
    expect(new Set(good.map(({ kind }) => kind)).size).toBe(4)
    const word = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0n, 1n, -1n, 2n ** 62n, -(2n ** 63n)),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(511), word), { minLength: 1, maxLength: 40 }),
        (region, changes) => {
          const words = region.words.slice()
          for (const [at, value] of changes) if (at > 0 && at < words.length) words[at] = value
          const entry = describeRegion({ ...region, words })
          expect(['ready', 'not-a-region']).toContain(entry.state)
          for (const value of [entry.tokens, entry.debt, entry.requestsPerSecond, entry.permits])
            expect(value).not.toBeNaN()
        },
      ),
      { numRuns: 2000 },
    )
    // And whatever bytes the file holds.
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), fc.nat(9000), (bytes, length) => {
        private_('fuzz', bytes)
        truncateSync(put('fuzz'), length)
        expect(states()['good']).toBe('ready')
      }),
      { numRuns: 200 },
    )
  })

  it('is read while its files come, go, grow and shrink', async () => {
    private_('moving', '')
    const code = `
      const { workerData, parentPort } = require('node:worker_threads')
      const { copyFileSync, truncateSync, unlinkSync, chmodSync } = require('node:fs')
      const end = performance.now() + workerData.ms
      while (performance.now() < end) {
        copyFileSync(workerData.good, workerData.moving)
        chmodSync(workerData.moving, 0o600)
        for (const size of [4480, 0, 100, 4481, 4096, 8192]) truncateSync(workerData.moving, size)
        unlinkSync(workerData.moving)
      }`
    const worker = new Worker(code, { eval: true, workerData: { good: put('good'), moving: put('moving'), ms: 400 } })
    const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))
    let over = false as boolean
    void ended.then(() => (over = true))
    let looks = 0
    while (!over) {
      expect(states()['good']).toBe('ready')
      looks++
      await new Promise(setImmediate)
    }
    await ended
    expect(looks).toBeGreaterThan(1)
    expect(() => unlinkSync(put('moving'))).toThrow(/ENOENT/)
  })
})
