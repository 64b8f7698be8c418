import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter, RateLimiter, SharedMemoryError } from '../../dist/index.js'
import { MACHINE, WORDS_PER_CELL } from '../../dist/memory/shared/layout.js'
import { bytesOf } from '../../dist/memory/shared/region.js'
import { FakeClock } from '../../dist/testing/index.js'
import { describeMachine, filesOf, machineName, runScript } from '../support/machine.js'

const DISPOSED = expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'disposed' }) as SharedMemoryError

function emptied(burstSize = 5): { clock: FakeClock; limiter: RateLimiter } {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize, clock })
  limiter.tryAcquire(burstSize)
  return { clock, limiter }
}

describe('a cost above the burst', () => {
  it('is refused at once, behind others that wait too, and costs them nothing', async () => {
    const { clock, limiter } = emptied()
    const waits = [limiter.acquire(5), limiter.acquire()]
    await expect(limiter.acquire(6)).rejects.toThrow(/^tokens must be a finite number > 0 and <= 5 \(burstSize\).*6/)
    expect(() => limiter.tryAcquire(6)).toThrow(RangeError)
    expect(() => limiter.reserve(6)).toThrow(RangeError)
    expect(limiter.stats()).toMatchObject({ waiting: 2, retryAfterMs: 700 })
    await clock.advance(600)
    await Promise.all(waits)
  })

  it('of a caller that waits already when the burst is lowered is served, and those behind it', async () => {
    const { clock, limiter } = emptied()
    const servedMs: number[] = []
    for (const tokens of [5, 1]) void limiter.acquire(tokens).then(() => servedMs.push(Math.round(clock.now())))
    limiter.update({ burstSize: 2 })
    await clock.advance(1000)
    expect(servedMs).toEqual([500, 600])
  })
})

describe('a limiter that is disposed while callers wait', () => {
  it('ends their waits; those of others on the bucket go on, also where the disposed one stood before', async () => {
    const { clock, limiter } = emptied()
    const other = RateLimiter.from(limiter.share())
    const ended = limiter.acquire(5).catch((error: unknown) => error)
    let servedMs = NaN
    void other.acquire().then(() => {
      servedMs = clock.now()
    })
    await clock.advance(20)
    limiter[Symbol.dispose]()
    expect(await ended).toEqual(DISPOSED)
    await clock.advance(200)
    expect(servedMs).toBeLessThanOrEqual(150)
    expect(clock.pendingTimers).toBe(0)
  })

  it('of several limits at once gives back what the others had given', async () => {
    const { clock, limiter: rpm } = emptied()
    const tpm = new RateLimiter({ requestsPerSecond: 10, burstSize: 50, clock })
    const both = RateLimiter.all({ rpm, tpm })
    const ended = both.acquire({ rpm: 1, tpm: 10 }).catch((error: unknown) => error)
    rpm[Symbol.dispose]()
    expect(await ended).toEqual(DISPOSED)
    expect(tpm.getAvailableTokens()).toBe(50)
    await expect(both.acquire({ rpm: 1 })).rejects.toEqual(DISPOSED)
  })

  it('by key ends the waits of all keys', async () => {
    const clock = new FakeClock()
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 10, burstSize: 1, capacity: 10, clock })
    const waits = [1, 2, 3, 1, 2, 3].map((key) => limiter.acquire(key).catch((error: unknown) => error))
    limiter[Symbol.dispose]()
    expect(await Promise.all(waits)).toEqual([undefined, undefined, undefined, DISPOSED, DISPOSED, DISPOSED])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a handle of another layout', () => {
  it('is refused for its rows of those who wait, too, and disturbs nobody', async () => {
    const { clock, limiter } = emptied()
    const handle = limiter.share()
    const wait = limiter.acquire()
    const { buffer, cell } = handle.waiters!
    const words = new BigInt64Array(bytesOf(buffer))
    const expectRefused = (word: number, value: bigint, reason: string): void => {
      const before = words[word]!
      words[word] = value
      expect(() => RateLimiter.from(handle)).toThrow(expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason }))
      words[word] = before
    }
    expectRefused(1, 99n, 'layout-version')
    expectRefused(cell * WORDS_PER_CELL, 1n, 'wrong-kind')
    for (const none of [
      { buffer: new ArrayBuffer(4096), cell },
      { buffer: new SharedArrayBuffer(64), cell },
      'rows',
      1,
    ])
      expect(() => RateLimiter.from({ ...handle, waiters: none } as never)).toThrow(/^handle\./)
    await clock.advance(100)
    await wait
  })
})

describeMachine('a name at its 209th owner', () => {
  it('refuses it, and lets those who wait go on', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 10, burstSize: 1 } as const
    const limiter = new RateLimiter(policy)
    limiter.tryAcquire()
    const waits = [limiter.acquire(), limiter.acquire()]
    // Processes of a container, which cannot be looked after from here.
    const file = openSync(filesOf(policy.name)[0]!, 'r+')
    const row = new BigInt64Array(MACHINE.ownerRowWords)
    let taken = 0
    for (let index = 0; index < MACHINE.ownerRows; index++) {
      const at = 8 * (MACHINE.owners + index * MACHINE.ownerRowWords)
      readSync(file, row, 0, row.byteLength, at)
      if (row[0] !== 0n) continue
      writeSync(file, BigInt64Array.of(7n, 12_345n), 0, 16, at)
      taken++
    }
    expect(taken).toBe(MACHINE.ownerRows - 1)
    const refused = await runScript(policy, 'say(limiter.tryAcquire())')
    expect(refused).toMatchObject({ error: { name: 'SharedMemoryError', reason: 'full' } })
    await Promise.all(waits)
    // A place that is free again is given to the next.
    writeSync(
      file,
      BigInt64Array.of(0n, 0n),
      0,
      16,
      8 * (MACHINE.owners + (MACHINE.ownerRows - 1) * MACHINE.ownerRowWords),
    )
    closeSync(file)
    expect(await runScript(policy, 'await limiter.acquire(); say(1)')).toBe(1)
  })
})
