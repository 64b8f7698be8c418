import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { commandTree } from '../../../dist/cli/command-tree.js'
import { completionScript } from '../../../dist/cli/completion.js'
import { manPage } from '../../../dist/cli/man-page.js'
import { createProgram } from '../../../dist/cli/program.js'

const tree = commandTree(createProgram())
const has = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('completion', () => {
  it('knows every command and no hidden one', () => {
    const names = tree.commands.map(({ name }) => name)
    expect(names).toContain('tune')
    expect(names).not.toContain('trial')
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, tree)
      expect(names.filter((name) => !script.includes(name))).toEqual([])
      expect(script).not.toMatch(/\btrial\b/)
    }
  })

  it.skipIf(!has('bash'))('completes in bash (needs bash)', () => {
    const complete = (...words: string[]): string[] => {
      const line = words.map((word) => `'${word}'`).join(' ')
      const program = `${completionScript('bash', tree)}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _amorsize; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', program], { encoding: 'utf8' }).split('\n').filter(Boolean)
    }
    expect(complete('amorsize', 'tu')).toEqual(['tune'])
    expect(complete('amorsize', '')).toEqual(expect.arrayContaining(['execute', 'optimize', 'bench', 'history']))
    expect(complete('amorsize', 'tune', '--ro')).toEqual(['--rounds'])
    expect(complete('amorsize', 'history', 'l')).toEqual(['list'])
    expect(complete('amorsize', 'shm', 'remove', '--u')).toEqual(['--unused'])
    expect(complete('amorsize', '--u')).toEqual([])
  })
})

describe('the manual page', () => {
  const page = manPage(tree, '1.2.3')

  it('has every command with its options', () => {
    for (const { name, options } of tree.commands) {
      expect(page).toContain(`.SS "amorsize ${name}`)
      for (const { flags } of options) expect(page).toContain(`.B "${flags.replaceAll('-', '\\-')}"`)
    }
  })

  it('has what help has: arguments, choices and defaults', () => {
    expect(page).toContain('.TP\n.B "lesson"\nnumber from 1 to 6\n')
    expect(page).toContain('what to sort by (choices: "worst", "name", "kind", ')
    expect(page).toContain('how often to look, in milliseconds (default: 1000)')
  })

  it('holds no request that is text', () => {
    const requests = new Set(page.split('\n').flatMap((line) => /^[.'](\S*)/.exec(line)?.[1] ?? []))
    expect([...requests].sort()).toEqual(['B', 'I', 'SH', 'SS', 'TH', 'TP'])
  })
})
