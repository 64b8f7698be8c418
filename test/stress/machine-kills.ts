import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { machineName, startScript } from '../support/machine.js'

const PROCESSES = 3
const BURST = 1e9

/** Takes a token after noting in the file that it is about to; changes the limit's parameters to themselves every now and then. */
const TAKE = (file: string, slot: number): string => `
  const { openSync, writeSync } = await import('node:fs')
  const fd = openSync(${JSON.stringify(file)}, 'r+')
  const word = new Float64Array(1)
  say(0)
  for (;;) {
    word[0]++
    writeSync(fd, word, 0, 8, ${slot * 8})
    if (!limiter.tryAcquire()) throw new Error('the bucket is empty')
    if (word[0] % 1000 === 0) limiter.update({ burstSize: ${BURST} })
  }`

/**
 * Lets processes take tokens of one bucket and kills them at random points; then compares what is left with what they noted.
 *
 * @param kills - how many are killed
 */
export async function killAtRandom(kills: number): Promise<void> {
  const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 1e-6, burstSize: BURST } as const
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-kills-'))
  const file = join(folder, 'noted')
  const fd = openSync(file, 'w+')
  const slots = new Float64Array(kills + PROCESSES)
  writeSync(fd, slots)
  const start = (slot: number) => ({ slot, script: startScript(policy, TAKE(file, slot)) })
  try {
    const limiter = new RateLimiter(policy)
    const running = Array.from({ length: PROCESSES }, (_, slot) => start(slot))
    await Promise.all(running.map(({ script }) => script.next()))
    for (let kill = 0; kill < kills; kill++) {
      // Some die while they start, most while they take.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100))
      const index = Math.floor(Math.random() * PROCESSES)
      const { script } = running[index]!
      script.child.kill('SIGKILL')
      expect(await script.ended).toMatchObject({ signal: 'SIGKILL' })
      running[index] = start(PROCESSES + kill)
    }
    for (const { script } of running) script.child.kill('SIGKILL')
    await Promise.all(running.map(({ script }) => script.ended))

    readSync(fd, slots, 0, slots.byteLength, 0)
    const noted = slots.reduce((sum, count) => sum + count, 0)
    // What has come in since the beginning is less than a thousandth of a token.
    const taken = Math.ceil(BURST - limiter.getAvailableTokens() - 1e-3)
    expect(noted).toBeGreaterThan(kills)
    // Each process notes a token and then takes it, so it may have died in between; nothing else may differ.
    expect(taken).toBeLessThanOrEqual(noted)
    expect(taken).toBeGreaterThanOrEqual(noted - slots.filter((count) => count > 0).length)
    // And the bucket works on for everybody.
    limiter.update({ burstSize: 10 })
    limiter.reset()
    expect([limiter.tryAcquire(10), limiter.tryAcquire()]).toEqual([true, false])
  } finally {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}
