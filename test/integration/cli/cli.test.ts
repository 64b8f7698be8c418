import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { amorsize, main, runNode } from '../support/command-line.js'

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
  bin: Record<string, string>
}

describe('the command line', () => {
  it('prints the version of the package', async () => {
    expect(await amorsize(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  it('starts with the line that makes it a program', () => {
    const source = readFileSync(new URL(`../../../${manifest.bin['amorsize'] ?? ''}`, import.meta.url), 'utf8')
    expect(source.startsWith('#!/usr/bin/env node\n')).toBe(true)
  })

  it.skipIf(process.platform === 'win32')('may be run as it was compiled, as npx does in a clone (needs POSIX)', () => {
    const program = fileURLToPath(new URL(`../../../${manifest.bin['amorsize'] ?? ''}`, import.meta.url))
    expect(spawnSync(program, ['--version'], { encoding: 'utf8' })).toMatchObject({ stdout: `${manifest.version}\n` })
  })

  it.each([
    [['--help']],
    [['bench', '--help']],
    [['help', 'bench']],
    [['top', '--help']],
    [['worker', '--help']],
    [['shm', 'remove', '--help']],
  ])('explains itself with %j and exits 0, without colours', async (args) => {
    const { code, stdout, stderr } = await amorsize(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: amorsize/)
    expect(stdout).toContain('Exit codes:')
    expect(stdout).not.toContain('\u001b')
  })

  it.each([
    [[], /^Usage: amorsize/],
    [['bnch'], /unknown command 'bnch'[^]*Did you mean bench/],
    [['help', 'bnch'], /^error: unknown command 'bnch'[^]*Did you mean bench/],
    [['bench', '--thread', '2'], /unknown option '--thread'[^]*--threads/],
    [['bench', '--threads', '0'], /'--threads <n>' argument '0' is invalid. It must be an integer from 1 to 256/],
    [['bench', '--threads', '1.5'], /argument '1.5' is invalid/],
    [['bench', '--rounds', ''], /argument '' is invalid/],
    [['bench', '--duration', 'long'], /argument 'long' is invalid/],
    [['bench', 'everything'], /too many arguments/],
    [['top', '--web', '--once'], /option '--web' cannot be used with option '--once'/],
    [['run', ''], /argument 'program' must be a script or a command; received ''/],
    [['top', '--port', '8080'], /option '--port' needs '--web'/],
    [['system', '--interval', '100'], /option '--interval' needs '--watch'/],
    [['shm', 'remove', '--unused', '--kind', 'nonsense'], /Allowed choices are limiter, keyed limiter, .*breaker/],
    [['worker', './tasks.mjs'], /required option '--queue <name>' not specified/],
    [['worker', '--queue', 'q'], /missing required argument 'modules'/],
    [
      ['worker', './tasks.mjs', '--queue', 'q', '--threads', '0'],
      /argument '0' is invalid. It must be an integer from 1 to 4096/,
    ],
    ...[
      ['execute', './x.mjs', '--items', ''],
      ['execute', './x.mjs', '--range', '1', '--checkpoint', ''],
      ['execute', './x.mjs', '--range', '1', '--out', ''],
      ['execute', './x.mjs', '--range', '1', '--dead-letter', ''],
      ['execute', './x.mjs', '--range', '1', '--save', ''],
      ['history', 'list', '--file', ''],
      ['metrics', '--host', ''],
      ['shm', 'remove', '--unused', '--filter', ''],
    ].map((args): [string[], RegExp] => [
      args,
      new RegExp(`option '${args.at(-2) ?? ''} .*' argument '' is invalid. It must not be empty`),
    ]),
    [['shm', 'remove', ''], /argument 'name'. It must not be empty/],
  ])('refuses %j with exit code 2 and says why on standard error', async (args, why) => {
    const { code, stdout, stderr } = await amorsize(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(why)
  })
})

it('ends quietly when whoever reads its output stops early', () => {
  const ended = spawnSync(
    'bash',
    ['-c', `"${process.execPath}" "${main}" bench --help | true; echo "\${PIPESTATUS[0]}"`],
    { encoding: 'utf8' },
  )
  expect(ended).toMatchObject({ stdout: '0\n', stderr: '' })
})

describe('npm run bench', () => {
  it('refuses a group that does not exist and lists those that do', async () => {
    const { code, stderr } = await runNode([join(import.meta.dirname, '../../..', 'bench', 'run.mjs'), 'mikro'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/no such group: mikro. There are: micro, contention, pacing/)
  })
})
