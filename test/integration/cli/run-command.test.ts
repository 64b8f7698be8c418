import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { environmentWith, heapFor } from '../../../dist/cli/commands/run.js'
import { hasPython, onTerminal } from '../support/terminal.js'
import { amorsize, main } from '../support/command-line.js'

const MIB = 2 ** 20
const folder = mkdtempSync(join(tmpdir(), 'amorsize-run-'))
afterAll(() => rmSync(folder, { recursive: true }))

const isWindows = process.platform === 'win32'

function script(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

describe('the heap that amorsize run chooses', () => {
  it('is the share of the limit, in whole MiB', () => {
    expect(heapFor({ effectiveLimitBytes: 400 * MIB, totalBytes: 24_000 * MIB }, 0.75)).toBe(300)
    expect(heapFor({ effectiveLimitBytes: 400 * MIB - 1, totalBytes: null }, 0.5)).toBe(199)
  })

  it('is left to Node without a limit', () => {
    expect(heapFor({ effectiveLimitBytes: null, totalBytes: 8000 * MIB }, 0.75)).toBeUndefined()
    expect(heapFor({ effectiveLimitBytes: 8000 * MIB, totalBytes: 8000 * MIB }, 0.75)).toBeUndefined()
  })

  it('joins NODE_OPTIONS', () => {
    const NODE_OPTIONS = '--enable-source-maps'
    expect(environmentWith(300, ['node'], { NODE_OPTIONS })).toEqual({
      NODE_OPTIONS: '--enable-source-maps --max-old-space-size=300',
    })
    expect(environmentWith(undefined, ['node'], { NODE_OPTIONS })).toEqual({ NODE_OPTIONS })
  })

  it.each([
    [['node'], '--max-old-space-size=50'],
    [['node'], '--max_old_space_size=50'],
    [['node', '--max-old-space-size=50', 'x.js'], ''],
  ])('stays what somebody has set: %j %s', (program, NODE_OPTIONS) => {
    expect(environmentWith(300, program, { NODE_OPTIONS })).toEqual({ NODE_OPTIONS })
  })
})

describe('amorsize run', () => {
  it('passes arguments, output and the exit code', async () => {
    const file = script('args.mjs', 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7')
    const { code, stdout } = await amorsize(['run', file, '--port', '1', '--', '-h'])
    expect({ code, stdout }).toEqual({ code: 7, stdout: '["--port","1","--","-h"]\n' })
  })

  it('runs a command that is no script', async () => {
    const { code, stdout } = await amorsize(['run', '--', process.execPath, '-p', '6 * 7'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '42\n' })
  })

  it.each([
    ['a script that is not there', () => join(folder, 'missing.mjs'), 127, /there is no script .*missing\.mjs/],
    ['a command that is not there', () => 'amorsize-no-such-command', 127, /there is no command amorsize-no-such/],
    [
      'what cannot be executed',
      () => {
        mkdirSync(join(folder, 'tool'), { recursive: true })
        return join(folder, 'tool')
      },
      126,
      /may not execute .*tool/,
    ],
  ])('names %s', async (_, command, expected, message) => {
    const { code, stderr } = await amorsize(['run', command()])
    expect(code).toBe(expected)
    expect(stderr).toMatch(message)
  })

  it.each([[['run']], [['run', '--heap-share', '0', 'x.js']], [['run', '--heap-share', '1.1', 'x.js']]])(
    'says what is wrong with %j',
    async (args) => {
      expect((await amorsize(args)).code).toBe(2)
    },
  )

  it.skipIf(isWindows)('ends by the signal that ended the program (needs signals)', async () => {
    const file = script('killed.mjs', "process.kill(process.pid, 'SIGKILL')")
    const child = spawn(process.execPath, [main, 'run', file], { stdio: 'ignore' })
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  })

  it.skipIf(isWindows).each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)(
    'passes %s on (needs signals)',
    async (signal) => {
      const file = script(
        `${signal}.mjs`,
        `process.on('${signal}', () => process.exit(9)); setInterval(() => {}, 1000); console.log('ready')`,
      )
      const child = spawn(process.execPath, [main, 'run', file], { stdio: ['ignore', 'pipe', 'ignore'] })
      await once(child.stdout, 'data')
      child.kill(signal)
      expect(await once(child, 'exit')).toEqual([9, null])
    },
  )

  it.skipIf(!hasPython)('leaves Ctrl-C to the terminal, also where the input is a pipe (needs python3)', () => {
    const file = script(
      'ctrl-c.mjs',
      `let heard = 0
      process.on('SIGINT', () => heard++ || setTimeout(() => { console.log('heard ' + heard); process.exit() }, 500))
      setInterval(() => {}, 1000)
      console.log('ready')`,
    )
    const shown = onTerminal([main, 'run', file], { awaited: 'ready', keys: '\u0003', input: 'pipe' })
    expect(shown).toContain('heard 1')
  })
})
