import { describe, expect, it } from 'vitest'
import { windowsStart } from '../../../dist/cli/windows-command.js'

const env = { PATH: 'C:\\tools;C:\\Program Files\\nodejs', ComSpec: 'C:\\Windows\\cmd.exe' }
const there = new Map<string, 'file' | 'folder'>([
  ['C:\\Program Files\\nodejs\\node.EXE', 'file'],
  ['C:\\Program Files\\nodejs\\npm.CMD', 'file'],
  ['C:\\Program Files\\nodejs\\npm', 'file'],
  ['C:\\app\\node_modules\\.bin\\tsc.CMD', 'file'],
  ['tools\\x.exe', 'file'],
  ['src', 'folder'],
])
const start = (command: string, ...args: string[]) => windowsStart(command, args, env, (path) => there.get(path))

describe('a command on Windows', () => {
  it('is a program of PATH, started by itself, so that its arguments are what they are', () => {
    expect(start('node', '-p', '6 * 7 & "x"')).toEqual({
      file: 'C:\\Program Files\\nodejs\\node.EXE',
      args: ['-p', '6 * 7 & "x"'],
      windowsVerbatimArguments: false,
    })
    expect(start('tools\\x.exe')).toMatchObject({ file: 'tools\\x.exe' })
  })

  it('is a batch file, not what has the same name for other systems, and goes through cmd.exe with all of its signs escaped', () => {
    expect(start('npm', 'run', 'a b', '50%', 'x"&y', 'end\\')).toEqual({
      file: 'C:\\Windows\\cmd.exe',
      args: [
        '/d',
        '/s',
        '/c',
        '""C:\\Program Files\\nodejs\\npm.CMD" ^"run^" ^"a^ b^" ^"50^%^" ^^^"x\\^^^"^^^&y^^^" ^"end\\\\^""',
      ],
      windowsVerbatimArguments: true,
    })
  })

  it('is escaped twice where npm has written the batch file, which reads its arguments once more', () => {
    expect(start('C:\\app\\node_modules\\.bin\\tsc', 'a&b')).toMatchObject({
      args: ['/d', '/s', '/c', '""C:\\app\\node_modules\\.bin\\tsc.CMD" ^^^"a^^^&b^^^""'],
    })
  })

  it('is not there, or is a folder', () => {
    expect(start('missing')).toBeNull()
    expect(start('src')).toBe('folder')
  })
})
