import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { root } from '../../scripts/support/project.mjs'
import { sourcesOfWasm } from '../../scripts/support/wasm.mjs'
import { faults } from './faults.mjs'
import { found } from './found.mjs'
import { replaced, sourcesOfCore } from './library.mjs'
import { inProcesses, seedFrom } from './simulate.mjs'

const SEEDS = 2000

const program = fileURLToPath(new URL('../../scripts/simulate.mjs', import.meta.url))
const run = promisify(execFile)

describe('the simulation', () => {
  it('runs the core of these sources: else build it by npm run prebuild -- wasm', () => {
    expect(sourcesOfCore, 'test/simulation/core.cjs is stale: npm run prebuild -- wasm').toBe(sourcesOfWasm())
  })

  it('finds nothing in two thousand programs; others are for the soak', { timeout: 300_000 }, async () => {
    expect(await inProcesses(0, SEEDS)).toEqual([])
  })

  it.each(found)('finds no more what it found by seed $seed: $what', async ({ seed }) => {
    expect(await inProcesses(seed, 1)).toEqual([])
  })

  it.each(faults)('can be given the fault that $name', (fault) => {
    const text = readFileSync(join(root, fault.file), 'utf8')
    expect(replaced(text, fault)).not.toBe(text)
  })

  it('repeats a seed to the letter', async () => {
    const once = async (): Promise<string> =>
      (await run(process.execPath, [program, '--seed', '7', '--count', '20'])).stdout
    expect(await once()).toBe(await once())
  })

  it.each([undefined, '', 'today', '1.5', '-1', '4294967296'])('says what a seed is for %j', (text) => {
    expect(() => seedFrom('seed', text)).toThrow(/--seed must be an integer from 0 to 2147483647.*npm run simulate/)
  })
})
