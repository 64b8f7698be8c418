import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { bundledIndex, machineName, type Script, startScript } from '../support/machine.js'

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
 * Keeps processes at work and kills them at random points, one after the other. In the end all are dead.
 *
 * @param kills - how many are killed before
 * @param start - starts the nth; it says something when it is at work
 */
export async function amongKills(kills: number, start: (nth: number) => Script): Promise<void> {
  const begin = (nth: number): { script: Script; atWork: Promise<unknown> } => {
    const script = start(nth)
    // Rejects where it is killed before.
    return { script, atWork: script.next().catch(() => undefined) }
  }
  const kill = async ({ script }: { script: Script }): Promise<void> => {
    script.child.kill('SIGKILL')
    expect(await script.ended).toMatchObject({ signal: 'SIGKILL' })
  }
  const running = Array.from({ length: PROCESSES }, (_, nth) => begin(nth))
  await Promise.all(running.map(({ atWork }) => atWork))
  for (let killed = 0; killed < kills; killed++) {
    const index = Math.floor(Math.random() * PROCESSES)
    // Some die while they start, most while they are at work.
    if (killed % 5 > 0) await running[index]!.atWork
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
    await kill(running[index]!)
    running[index] = begin(PROCESSES + killed)
  }
  await Promise.all(running.map(kill))
}

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
  try {
    const limiter = new RateLimiter(policy)
    await amongKills(kills, (nth) => startScript(policy, TAKE(file, nth), [], bundledIndex))

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
