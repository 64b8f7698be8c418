import { execFileSync } from 'node:child_process'
import { availableParallelism, totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import { type SystemInfo, systemInfo } from '../../../dist/system/index.js'

const entry = new URL('../../../dist/system/index.js', import.meta.url).href
const testingEntry = new URL('../../../dist/testing/index.js', import.meta.url).href
const withAddon = process.env['AMORSIZE_NATIVE'] !== '0'

function runScript(script: string, env: Record<string, string>): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
}

describe('systemInfo', () => {
  it('reads afresh each time and returns objects of its own', () => {
    const first = systemInfo()
    const second = systemInfo()
    expect(first).not.toBe(second)
    expect(first.cpu).not.toBe(second.cpu)
    expect(first.source).toBe(withAddon ? 'native' : 'fallback')
  })

  it('keeps its numbers consistent with each other and with Node', () => {
    const { cpu, memory } = systemInfo()
    expect(cpu.parallelism).toBeGreaterThanOrEqual(cpu.parallelismFloor)
    expect(cpu.cpuWorkers).toBeLessThanOrEqual(cpu.parallelism)
    expect(cpu.parallelism).toBeLessThanOrEqual(Math.max(availableParallelism(), cpu.affinityLogical ?? 1))
    expect(memory.totalBytes).toBe(totalmem())
    expect(memory.availableBytes).toBeLessThanOrEqual(memory.effectiveLimitBytes!)
  })

  it('has the same shape with and without the addon', () => {
    const script = `import { systemInfo } from ${JSON.stringify(entry)}; console.log(JSON.stringify(systemInfo()))`
    const fallback = JSON.parse(runScript(script, { AMORSIZE_NATIVE: '0' })) as SystemInfo
    const native = systemInfo()
    for (const part of ['cpu', 'memory', 'pids', 'sources'] as const) {
      expect(Object.keys(fallback[part]).sort()).toEqual(Object.keys(native[part]).sort())
    }
  })

  it('offers what Node knows, and null for all else, without the addon', () => {
    const script = `import { systemInfo } from ${JSON.stringify(entry)}; console.log(JSON.stringify(systemInfo()))`
    const { source, cpu, memory, pids } = JSON.parse(runScript(script, { AMORSIZE_NATIVE: '0' })) as SystemInfo
    expect(source).toBe('fallback')
    expect(cpu).toMatchObject({
      parallelism: availableParallelism(),
      affinityLogical: null,
      physicalCores: null,
      quotaCpus: null,
    })
    expect(memory).toMatchObject({ totalBytes: totalmem(), workingSetBytes: null, controller: null })
    expect(memory.availableBytes).toBeGreaterThan(0)
    expect(pids).toEqual({ limit: null, available: null })
  })

  it('refuses to read trees without the addon, and says why', () => {
    const script = `import { readSystemInfo } from ${JSON.stringify(testingEntry)}
      try { readSystemInfo({ root: '/' }) } catch (error) { console.log(error.message) }`
    expect(runScript(script, { AMORSIZE_NATIVE: '0' })).toContain('readSystemInfo needs the native addon')
  })

  it('works in a worker thread', () => {
    const script = `import { Worker } from 'node:worker_threads'
      const code = "Promise.all([import('node:worker_threads'), import(" + JSON.stringify(${JSON.stringify(entry)}) + ")])" +
        ".then(([{ parentPort }, { systemInfo }]) => parentPort.postMessage(systemInfo()))"
      new Worker(code, { eval: true }).on('message', (info) => console.log(info.cpu.parallelism))`
    expect(Number(runScript(script, {}))).toBe(systemInfo().cpu.parallelism)
  })

  it.skipIf(!withAddon || process.platform !== 'linux')(
    'takes no more memory after many calls than after a few',
    () => {
      const script = `import { systemInfo } from ${JSON.stringify(entry)}
      const run = (calls) => { for (let i = 0; i < calls; i++) systemInfo(); gc(); return process.memoryUsage.rss() }
      run(4000)
      // The heap of Node settles late: what is lost for good is lost in every round.
      const rounds = [1, 2, 3].map(() => -run(100) + run(4000))
      console.log(Math.min(...rounds))`
      const grown = Number(
        execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { encoding: 'utf8' }),
      )
      // A leak of one string of 64 bytes in each group of facts would be 4000 x 256 bytes.
      expect(grown).toBeLessThan(2 ** 20)
    },
  )
})
