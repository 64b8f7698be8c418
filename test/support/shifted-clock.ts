import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../fixtures/clock/shifted-clock.c', import.meta.url))

/** Whether there is a compiler to make it with, on a system that preloads. */
export const canShiftClocks = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0

/** The wall clock of one process, which a test sets. */
export class ShiftedClock implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'amorsize-clock-'))
  readonly #file: number

  constructor() {
    const library = join(this.#folder, 'shifted-clock.so')
    const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    this.#file = openSync(join(this.#folder, 'seconds'), 'w')
    this.set(0)
  }

  /** What the process is to be started with. */
  get env(): NodeJS.ProcessEnv {
    return { LD_PRELOAD: join(this.#folder, 'shifted-clock.so'), AMORSIZE_CLOCK: join(this.#folder, 'seconds') }
  }

  /** @param seconds - by which the clock is off from now on */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(seconds))
    writeSync(this.#file, bytes, 0, 8, 0)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
    rmSync(this.#folder, { recursive: true })
  }
}
