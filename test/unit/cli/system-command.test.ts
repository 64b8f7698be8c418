import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { formatBytes, formatSystemInfo } from '../../../dist/cli/text/system-table.js'
import { systemInfo } from '../../../dist/system/index.js'

const cli = fileURLToPath(new URL('../../../dist/bundle/cli.cjs', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [cli, 'system', ...args], { encoding: 'utf8' })

describe('amorsize system', () => {
  it('prints a table without colours when not on a terminal', () => {
    const { stdout, status } = run()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^CPU\n/)
    expect(stdout).toMatch(/threads, rounded up \/ down +\d/)
    expect(stdout).not.toContain('\u001B')
    expect(stdout.split('\n').every((line) => line === line.trimEnd())).toBe(true)
  })

  it('prints the facts as one line of JSON', () => {
    const { stdout, status } = run('--json')
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    const info = JSON.parse(stdout)
    expect(info.cpu).toMatchObject({ onlineLogical: systemInfo().cpu.onlineLogical, model: systemInfo().cpu.model })
  })

  it('explains itself', () => {
    const { stdout, status } = run('--help')
    expect(status).toBe(0)
    for (const option of ['--json', '--watch', '--interval']) expect(stdout).toContain(option)
  })

  it.each([['--interval', '7'], ['--interval', 'soon'], ['--colour'], ['surplus']])(
    'refuses %s %s with exit code 2',
    (...args) => {
      const { stdout, stderr, status } = run(...args)
      expect(status).toBe(2)
      expect(stdout).toBe('')
      expect(stderr).not.toBe('')
    },
  )

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('watches until %s, printing only what has changed', async (end) => {
    const child = spawn(process.execPath, [cli, 'system', '--watch', '--json', '--interval', '50'])
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    while (!text.includes('\n')) await once(child.stdout, 'data')
    child.kill(end)
    expect(await once(child, 'exit')).toEqual([0, null])
    const lines = text.trimEnd().split('\n')
    expect(new Set(lines).size).toBe(lines.length)
    expect(JSON.parse(lines[0]!)).toHaveProperty('memory.totalBytes')
  })
})

describe('the table', () => {
  const base = systemInfo()

  it('names the file and the level of each limit', () => {
    const table = formatSystemInfo({
      ...base,
      cpu: { ...base.cpu, quotaCpus: 1.5, usableCpus: 1.5 },
      memory: { ...base.memory, limitBytes: 512 * 2 ** 20, controller: 'v2', ancestorsVisible: false },
      sources: {
        ...base.sources,
        quotaCpus: { file: '/g/pod/cpu.max', level: 1 },
        limitBytes: { file: '/g/pod/leaf/memory.max', level: 0 },
      },
    })
    expect(table).toMatch(/quota +1\.5 CPUs +\/g\/pod\/cpu\.max \(1 level up\)/)
    expect(table).toMatch(/usable CPUs +1\.5 +\/g\/pod\/cpu\.max/)
    expect(table).toMatch(/hard limit +512 MiB +\/g\/pod\/leaf\/memory\.max \(own group\)/)
    expect(table).toContain('v2; limits above this container cannot be seen')
  })

  it('says what is unknown, and that the addon is missing', () => {
    const table = formatSystemInfo({
      ...base,
      source: 'fallback',
      cpu: { ...base.cpu, physicalCores: null, model: null, pressure: null },
    })
    expect(table).toMatch(/physical cores, usable of online +unknown of/)
    expect(table).toMatch(/model +unknown/)
    expect(table).toContain('The native addon is not in use')
  })

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [512 * 2 ** 20, '512 MiB'],
    [2 ** 53, '8 PiB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})
