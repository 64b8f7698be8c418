import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../../unit/support/recorded-run.js'
import { amorsize, main } from '../support/command-line.js'

const folder = temporaryFolder()
writeFileSync(
  join(folder, 'tasks.mjs'),
  `import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, 20, ms))
export const double = (n) => 2 * n
export const fail = (n) => { if (n === 3) throw new RangeError('three'); return n }
export const never = () => { for (;;); }
export const stuck = () => { writeFileSync('pid.new', String(process.pid)); renameSync('pid.new', 'pid'); for (;;); }
export const slow = (n) => new Promise((resolve) => setTimeout(resolve, 40, n))
export const crawl = (n) => new Promise((resolve) => setTimeout(resolve, 300, n))
export const other = (n) => 3 * n
export const inTheWay = (n) => { mkdirSync('in-the-way', { recursive: true }); return n }
`,
)
writeFileSync(join(folder, 'broken one.mjs'), 'export const f = (n) => {\n  return n +\n}\n')
const run = (...args: string[]) => amorsize(args, folder)
const lines = <T>(text: string): T[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

describe('amorsize tune', () => {
  it('finds that items that wait are best run at once, and its options do so again', async () => {
    const { code, stdout, stderr } = await run(
      'tune',
      './tasks.mjs#wait',
      '--range',
      '16',
      '--mode',
      'async',
      '--rounds',
      '1',
      '--json',
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const all = lines<{
      name?: string
      options: object
      best?: { options: { mode: string; workers: number }; speedup: number }
    }>(stdout)
    expect(all.slice(0, -1).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['the loop', '2 at once', '16 at once']),
    )
    const { best } = all.at(-1)!
    // The loop waits 16 × 20 ms, all at once 20 ms; wide, as the machine may be busy.
    expect(best!.speedup).toBeGreaterThan(2)
    expect(best!.options.workers).toBeGreaterThan(2)

    const options = ['--first-options', '{"mode":"serial"}', '--second-options', JSON.stringify(best!.options)]
    const again = await run('compare', './tasks.mjs#wait', '--range', '16', '--rounds', '4', ...options, '--json')
    expect(lines<{ verdict?: string }>(again.stdout).at(-1)).toMatchObject({
      verdict: 'faster',
      haveSameResults: true,
      items: 16,
    })
  })

  it('tries workers too, and every way gets to its end', async () => {
    const args = ['--range', '30', '--max-workers', '1', '--rounds', '1', '--json']
    const { code, stdout } = await run('tune', './tasks.mjs#slow', ...args)
    expect(code).toBe(0)
    const ways = lines<{ name: string; failure: string | null; ms: object | null }>(stdout).slice(0, -1)
    expect(ways.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['1 worker, chunks of 16', 'execute by itself']),
    )
    expect(ways.filter(({ failure }) => failure !== null)).toEqual([])
  })

  it('prints a table, a bar for each way, and options to paste', async () => {
    const { code, stdout } = await run(
      'tune',
      './tasks.mjs#double',
      '--range',
      '10',
      '--mode',
      'serial',
      '--rounds',
      '1',
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^tasks\.mjs#double, 10 items, 1 round\n/)
    expect(stdout).toMatch(/the loop .*█/)
    expect(stdout).toContain("Options to paste: execute(task, items, { mode: 'serial' })")
  })

  it.each([
    ['a function that fails', ['./tasks.mjs#fail', '--range', '10'], /^amorsize: item 3 failed: RangeError: three$/m],
    [
      'a module with a syntax error',
      ['./broken one.mjs#f', '--range', '10'],
      /cannot be loaded: SyntaxError: .*broken one\.mjs:3/,
    ],
    ['no such module', ['./none.mjs#f', '--range', '10'], /cannot be loaded: Error: Cannot find module/],
    ['no such function', ['./tasks.mjs#none', '--range', '10'], /none/],
    [
      'a function that never ends',
      ['./tasks.mjs#never', '--range', '3', '--limit-ms', '1500'],
      /the loop did not end within 1500 ms/,
    ],
    ['items that can be read once', ['./tasks.mjs#double', '--items', '-'], /standard input can be read only once/],
    ['no items', ['./tasks.mjs#double', '--items', 'empty.ndjson'], /there are no items/],
  ])('says what is wrong: %s', async (_, args, message) => {
    writeFileSync(join(folder, 'empty.ndjson'), '')
    const { code, stdout, stderr } = await run('tune', ...args, '--rounds', '1')
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  it.skipIf(process.platform === 'win32')('takes its process along when a signal ends it (needs signals)', async () => {
    const child = spawn(process.execPath, [main, 'tune', './tasks.mjs#stuck', '--range', '3'], { cwd: folder })
    const ended = once(child, 'close')
    const file = join(folder, 'pid')
    // Who is written down is in its endless loop a moment later.
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 20_000 })
    child.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
    const pid = Number(readFileSync(file, 'utf8'))
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(/ESRCH/), { timeout: 20_000 })
  })

  it('refuses wrong usage with exit code 2', async () => {
    expect(await run('tune', './tasks.mjs#double')).toMatchObject({ code: 2 })
    expect(await run('tune', './tasks.mjs#double', '--range', '5', '--rounds', '0')).toMatchObject({ code: 2 })
  })
})

describe('amorsize compare', () => {
  it('says who is slower, within which bounds', async () => {
    const { code, stdout, stderr } = await run(
      'compare',
      './tasks.mjs#wait',
      './tasks.mjs#crawl',
      '--range',
      '2',
      '--rounds',
      '4',
      '--first-options',
      '{"mode":"serial"}',
      '--second-options',
      '{"mode":"serial"}',
    )
    expect(stderr).toBe('')
    expect(stdout).toMatch(/The second takes [\d.]+ × the time \(95 %: [\d.]+ to [\d.]+\): it is slower\.$/m)
    expect(code).toBe(0)
  })

  it('tells when the results are not the same', async () => {
    const { code, stderr } = await run(
      'compare',
      './tasks.mjs#double',
      './tasks.mjs#other',
      '--range',
      '5',
      '--rounds',
      '1',
    )
    expect(stderr).toBe('amorsize: the results of the two are not the same\n')
    expect(code).toBe(0)
  })

  it.each([
    ['nothing to compare with', [], 2, /say what to compare with/],
    ['options that are no JSON', ['--second-options', '{mode}'], 2, /It must be JSON/],
    [
      'an option there is not',
      ['--second-options', '{"threads":2}'],
      2,
      /There is no 'threads' among mode, workers, chunkSize/,
    ],
    ['an option of no use', ['--second-options', '{"workers":0}'], 1, /workers must be/],
    ['a function that fails', ['./tasks.mjs#fail'], 1, /tasks\.mjs#fail: item 3 failed: RangeError: three$/m],
  ])('refuses %s', async (_, args, expected, message) => {
    const { code, stderr } = await run('compare', './tasks.mjs#double', ...args, '--range', '5', '--rounds', '1')
    expect(stderr).toMatch(message)
    expect(code).toBe(expected)
  })
})

describe('amorsize history', () => {
  const file = 'history.ndjson'
  const compare = (second: string, range: string) =>
    run(
      'compare',
      './tasks.mjs#wait',
      second,
      '--range',
      range,
      '--rounds',
      '4',
      '--save',
      file,
      '--first-options',
      '{"mode":"serial"}',
      '--second-options',
      '{"mode":"serial"}',
    )

  it('keeps runs, lists and shows them', async () => {
    const { stderr } = await compare('./tasks.mjs#wait', '4')
    expect(stderr).toBe(`amorsize: kept as run 1 in ${file}\n`)
    expect((await run('optimize', './tasks.mjs#wait', '--range', '20', '--save', file)).code).toBe(0)
    const executed = await run('execute', './tasks.mjs#double', '--range', '3', '--out', 'out.ndjson', '--save', file)
    expect(executed.stderr).toBe(`amorsize: kept as run 3 in ${file}\n`)
    expect(readFileSync(join(folder, 'out.ndjson'), 'utf8')).toBe('0\n2\n4\n')

    const list = await run('history', 'list', '--file', file)
    expect(list.stdout).toMatch(/1 +\S+Z +compare +tasks\.mjs#wait +4/)
    expect(list.stdout).toMatch(/3 +\S+Z +execute +tasks\.mjs#double +3/)
    const shown = await run('history', 'show', 'last', '--file', file, '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject({
      command: 'execute',
      items: { count: 3 },
      measured: [{ what: 'the run' }],
    })
  })

  it.each(['execute', 'optimize'])('refuses to compare runs of %s on other items', async (command) => {
    const own = `${command}.ndjson`
    writeFileSync(join(folder, 'ones.ndjson'), '1\n1\n1\n')
    writeFileSync(join(folder, 'twos.ndjson'), '2\n2\n2\n')
    const save = (task: string, ...items: string[]) => run(command, `./tasks.mjs#${task}`, ...items, '--save', own)
    await save('double', '--range', '3')
    await save('double', '--items', 'ones.ndjson')
    await save('double', '--items', 'twos.ndjson')
    await save('double', '--items', 'ones.ndjson')
    const compared = (one: string, other: string) => run('history', 'compare', one, other, '--file', own)
    expect(await compared('1', '2')).toMatchObject({ code: 1, stderr: expect.stringContaining('not the same ones') })
    expect(await compared('2', '3')).toMatchObject({ code: 1, stderr: expect.stringContaining('not the same ones') })
    expect((await compared('2', '4')).stderr).not.toContain('not the same ones')
  })

  it('refuses to compare runs of two functions whose items nobody knows', async () => {
    const line = (name: string): string =>
      JSON.stringify({
        amorsize: 1,
        at: '2026-01-01T00:00:00.000Z',
        version: '1.0.0',
        machine: { cpu: 'a', cores: 2 },
        command: 'execute',
        task: { url: 'file:///t.mjs', export: name },
        items: { count: 4, digest: null },
        measured: [{ what: 'the run', unit: 'ms', samples: [1, 1, 1, 1] }],
      })
    writeFileSync(join(folder, 'piped.ndjson'), [line('f'), line('f'), line('g')].join('\n'))
    expect((await run('history', 'compare', '1', '2', '--file', 'piped.ndjson')).stdout).toContain('the run: ')
    expect(await run('history', 'compare', '1', '3', '--file', 'piped.ndjson')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('they are of two tasks'),
    })
  })

  it('flags a run that is slower, and not one that is the same', async () => {
    const own = 'regression.ndjson'
    const times = (ms: number) => [1, 1.01, 0.99, 1.02, 1].map((noise) => ms * noise)
    const line = (ms: number, digest = 'range 4') =>
      JSON.stringify({
        amorsize: 1,
        at: '2026-01-01T00:00:00.000Z',
        version: '1.0.0',
        machine: { cpu: 'a', cores: 2 },
        command: 'tune',
        task: { url: 'file:///t.mjs', export: 'f' },
        items: { count: 4, digest },
        measured: [{ what: 'the loop', unit: 'ms', samples: times(ms) }],
      })
    writeFileSync(
      join(folder, own),
      [line(10), line(10.1), line(14), line(10, 'range 5')].map((one) => `${one}\n`).join(''),
    )
    const same = await run('history', 'compare', '1', '2', '--file', own)
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('the loop: the same') })
    const slower = await run('history', 'compare', '1', '3', '--file', own)
    expect(slower).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/the loop: SLOWER; it takes 1\.4\d? × the time/),
    })
    const others = await run('history', 'compare', '1', '4', '--file', own)
    expect(others).toMatchObject({ code: 1, stderr: expect.stringContaining('not the same ones') })
  })

  it.each([
    ['no history', 'none.ndjson', undefined, /there is no history at none\.ndjson/],
    [
      'a file of another program',
      'foreign.ndjson',
      '{"a":1}\n',
      /is no history of amorsize: line 1 was not written by amorsize/,
    ],
    ['a folder', '.', undefined, /cannot be read/],
  ])('says that it is %s', async (_, name, text, message) => {
    if (text !== undefined) writeFileSync(join(folder, name), text)
    const { code, stderr } = await run('history', 'list', '--file', name)
    expect(stderr).toMatch(message)
    expect(code).toBe(1)
  })

  it('leaves a damaged line out, and says so', async () => {
    const text = readFileSync(join(folder, file), 'utf8')
    writeFileSync(join(folder, 'damaged.ndjson'), `${text.slice(0, 50)}\n${text}`)
    const { code, stdout, stderr } = await run('history', 'list', '--file', 'damaged.ndjson')
    expect(stderr).toBe('amorsize: line 1 of damaged.ndjson is not JSON; it is left out\n')
    expect(stdout).toMatch(/^ *3 .*execute/m)
    expect(code).toBe(0)
  })

  it('refuses numbers of runs that there are not', async () => {
    expect(await run('history', 'show', '99', '--file', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it has 3'),
    })
    expect(await run('history', 'show', 'first', '--file', file)).toMatchObject({ code: 2 })
  })

  it.each(['.', 'tasks.mjs/history', 'tasks.mjs'])('runs nothing that cannot be kept: %s', async (place) => {
    const { code, stdout, stderr } = await run('execute', './tasks.mjs#double', '--range', '2', '--save', place)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^amorsize: (the run cannot be kept in |tasks\.mjs is no history)/)
    expect(code).toBe(1)
  })

  it('leaves no folder behind where nothing is kept, and makes it where something is', async () => {
    const save = ['--save', 'new/folder/history']
    expect((await run('execute', './tasks.mjs#double', ...save)).code).toBe(2)
    expect((await run('execute', './none.mjs#f', '--range', '2', ...save)).code).toBe(1)
    expect(existsSync(join(folder, 'new'))).toBe(false)
    expect((await run('execute', './tasks.mjs#double', '--range', '2', ...save)).code).toBe(0)
    expect(existsSync(join(folder, 'new/folder/history'))).toBe(true)
  })

  it('prints what was measured even if it can no longer be kept', async () => {
    const args = ['./tasks.mjs#inTheWay', '--range', '2', '--save', 'in-the-way']
    const { code, stdout, stderr } = await run('execute', ...args)
    expect(stdout).toBe('0\n1\n')
    expect(stderr).toMatch(/^amorsize: the run cannot be kept in in-the-way/)
    expect(code).toBe(1)
  })
})
