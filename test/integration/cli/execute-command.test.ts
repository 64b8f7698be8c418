import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../unit/support/recorded-run.js'
import { amorsize, main } from '../support/command-line.js'

const folder = temporaryFolder()
const file = (name: string): string => join(folder, name)
let count = 0
const newFile = (): string => file(`out-${count++}.ndjson`)
const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)
const linesIn = (path: string): unknown[] => linesOf(readFileSync(path, 'utf8'))

writeFileSync(
  file('tasks.mjs'),
  `import { writeSync } from 'node:fs'
export const double = (n) => 2 * n
export const nothing = () => undefined
export const big = () => 1n
export const echo = (value) => value
export const odd = (n) => { if (n % 2 === 0) throw Object.assign(new RangeError('even: ' + n), { code: 'E_EVEN' }); return n }
export const slow = (n) => new Promise((resolve) => setTimeout(resolve, 20, n))
export const busy = (n) => { let x = n; for (let i = 0; i < 3e6; i++) x = (Math.imul(x, 31) + i) | 0; return { n, x } }
export const silent = () => { writeSync(2, 'begun\\n'); return new Promise((settle) => setTimeout(settle, 100_000)) }
export const endless = () => { writeSync(2, 'begun\\n'); for (;;); }
export const printing = (n) => { console.log('item ' + n + '.'.repeat(2000)); return busy(n) }
export const notAFunction = 5
export default (n) => -n
`,
)
writeFileSync(file('broken.mjs'), '\nexport const f = = 1\n')
const execute = (task: string, ...args: string[]) => amorsize(['execute', `./tasks.mjs${task}`, ...args], folder)

/** Starts the command; output and errors grow. */
function start(args: string[]) {
  const child = spawn(process.execPath, [main, 'execute', ...args], { cwd: folder, stdio: 'pipe' })
  const seen = { output: '', errors: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.errors += text))
  return { child, seen, ended: once(child, 'close') as Promise<[number | null, string | null]> }
}

describe('amorsize execute', () => {
  it('writes the results of a range to standard output, in order', async () => {
    const { code, stdout, stderr } = await execute('#double', '--range', '2000')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(linesOf(stdout)).toEqual(Array.from({ length: 2000 }, (_, i) => 2 * i))
  })

  it('reads a file of items and writes a file of results', async () => {
    const values = [1, 'two\u2028', null, { three: [3] }, true, 'é'.repeat(300_000)]
    writeFileSync(file('items.ndjson'), `\uFEFF${values.map((value) => JSON.stringify(value)).join('\r\n')}\n\n`)
    const out = newFile()
    expect(await execute('#echo', '--items', 'items.ndjson', '--out', out)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(linesIn(out)).toEqual(values)
    expect(existsSync(`${out}.partial`)).toBe(false)
  })

  it.each([
    ['one array', '[1, [2],\n 3]\n', '1\n[2]\n3\n'],
    ['an array in each line', '[1]\n[2]\n', '[1]\n[2]\n'],
    ['one value', '{"a":[1]}', '{"a":[1]}\n'],
    ['an empty array', '[]', ''],
  ])('reads a .json file with %s', async (_, text, printed) => {
    writeFileSync(file('items.json'), text)
    expect(await execute('#echo', '--items', 'items.json')).toEqual({ code: 0, stdout: printed, stderr: '' })
  })

  it('runs the default export, and writes null where there is no result', async () => {
    expect((await execute('', '--range', '3')).stdout).toBe('0\n-1\n-2\n')
    expect((await execute('#nothing', '--range', '2')).stdout).toBe('null\nnull\n')
    expect((await execute('#double', '--range', '0')).stdout).toBe('')
  })

  it.each([['serial'], ['threads']])('has nothing among the results that tasks print, in mode %s', async (mode) => {
    const { code, stdout, stderr } = await execute('#printing', '--range', '200', '--mode', mode)
    expect(code).toBe(0)
    expect(linesOf(stdout)).toMatchObject(Array.from({ length: 200 }, (_, n) => ({ n })))
    const printed = stderr.split('\n').filter((line) => line.startsWith('item '))
    expect(printed).toHaveLength(200)
  })

  it.each([['serial'], ['async'], ['threads']])('gives the same in mode %s', async (mode) => {
    const { code, stdout } = await execute(
      '#busy',
      '--range',
      '60',
      '--mode',
      mode,
      '--workers',
      '2',
      '--chunk-size',
      '3',
    )
    expect(code).toBe(0)
    expect(linesOf(stdout).map((line) => (line as { n: number }).n)).toEqual(Array.from({ length: 60 }, (_, i) => i))
  })

  it('reads standard input as it comes, and answers before its end', async () => {
    const { child, seen, ended } = start(['./tasks.mjs#double', '--items', '-'])
    child.stdin.write('1\n2\n')
    await expect.poll(() => seen.output, { timeout: 20_000 }).toBe('2\n4\n')
    child.stdin.end('3')
    expect(await ended).toEqual([0, null])
    expect(seen).toEqual({ output: '2\n4\n6\n', errors: '' })
  })

  it('ends at the first failure, with exit code 1 and what it had', async () => {
    const out = newFile()
    const { code, stderr } = await execute('#odd', '--range', '5', '--out', out, '--dead-letter', 'thrown.ndjson')
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'amorsize: item 0 failed: RangeError: even: 0\n' })
    expect(existsSync(out)).toBe(false)
    expect(linesIn(file('thrown.ndjson'))).toMatchObject([
      { index: 0, item: 0, error: { name: 'RangeError', code: 'E_EVEN' } },
    ])
  })

  it('collects failures, and lists them in the dead letters', async () => {
    const out = newFile()
    const { code, stderr } = await execute(
      '#odd',
      '--range',
      '4',
      '--out',
      out,
      '--on-error',
      'collect',
      '--dead-letter',
      'dead.ndjson',
    )
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'amorsize: 2 of 4 items failed\n' })
    expect(linesIn(out)).toMatchObject([
      { index: 0, status: 'rejected', reason: { name: 'RangeError', message: 'even: 0', code: 'E_EVEN' } },
      { index: 1, status: 'fulfilled', value: 1 },
      { index: 2, status: 'rejected' },
      { index: 3, status: 'fulfilled', value: 3 },
    ])
    expect(linesIn(out).map((line) => Object.keys(line as object)[0])).toEqual(Array(4).fill('index'))
    expect(
      linesIn(file('dead.ndjson'))
        .map((line) => (line as { index: number }).index)
        .sort(),
    ).toEqual([0, 2])
  })

  it('ends an endless item after --timeout-ms', async () => {
    const { code, stderr } = await execute('#endless', '--range', '1', '--timeout-ms', '200')
    expect(code).toBe(1)
    expect(stderr).toMatch(/200 ms/)
  })

  it('ends after --timeout-ms, though an item that waits in this thread goes on', async () => {
    const { code, stderr } = await execute('#silent', '--range', '3', '--timeout-ms', '200', '--on-error', 'collect')
    expect({ code, stderr }).toEqual({ code: 1, stderr: `${'begun\n'.repeat(3)}amorsize: 3 of 3 items failed\n` })
  })

  it('is quiet when nobody reads its output any more', async () => {
    const { child, seen, ended } = start(['./tasks.mjs#echo', '--range', '100000000'])
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await ended).toEqual([0, null])
    expect(seen.errors).toBe('')
  })

  it.skipIf(!existsSync('/dev/full'))(
    'says so when there is no room for its output (skipped without /dev/full)',
    () => {
      const full = openSync('/dev/full', 'w')
      const { status, stderr } = spawnSync(process.execPath, [main, 'execute', './tasks.mjs#echo', '--range', '5'], {
        cwd: folder,
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      })
      closeSync(full)
      expect(status).toBe(1)
      expect(stderr).toMatch(/^amorsize: standard output cannot be written: ENOSPC/)
    },
  )
})

describe('amorsize execute refuses', () => {
  it.each([
    [['#double'], 2, /say where the items come from: either '--items <file>'/],
    [['#double', '--range', '5', '--items', 'items.ndjson'], 2, /say where the items come from/],
    [['#double', '--range', '-1'], 2, /'--range <n>' argument '-1' is invalid/],
    [['#double', '--items', 'missing.ndjson'], 1, /the items 'missing.ndjson' cannot be read: ENOENT/],
    [['#double', '--items', '.'], 1, /the items '.' cannot be read: it is a folder/],
    [['#double', '--range', '5', '--out', '.'], 1, /the output '.' cannot be written: it is a folder/],
    [['#double', '--range', '5', '--out', 'no/such/out'], 1, /the output 'no\/such\/out' cannot be written: ENOENT/],
    [['#missing', '--range', '5'], 1, /must export a function named 'missing'.*functions it exports: .*double/],
    [['#notAFunction', '--range', '5'], 1, /must export a function named 'notAFunction'; received 5/],
    [['x#double', '--range', '5'], 1, /tasks.mjsx/],
    [['/../broken.mjs#f', '--range', '5'], 1, /broken.mjs cannot be loaded: SyntaxError: .*broken.mjs:2\)/],
    [['#', '--range', '5'], 2, /a module and a function it exports/],
    [['#double', '--range', '5', '--workers', '0'], 2, /'--workers <n>' argument '0' is invalid/],
    [['#double', '--range', '5', '--chunk-size', '0'], 2, /'--chunk-size <n>' argument '0' is invalid/],
    [['#double', '--range', '5', '--mode', 'fast'], 2, /Allowed choices are serial, async, threads/],
    [['#double', '--range', '5', '--timeout-ms', '0'], 2, /a number of milliseconds > 0/],
    [['#double', '--range', '5', '--name', 'x'], 2, /'--name' needs '--checkpoint <dir>'/],
    [['#double', '--range', '5', '--checkpoint', 'tasks.mjs'], 1, /the checkpoint '.*' cannot be written/],
    [['#double', '--range', '5', '--checkpoint', 'new', '--name', '../x'], 1, /checkpoint.name must be/],
    [['#double', '--range', '5', '--dead-letter', '.'], 1, /the dead-letter file '.' cannot be written/],
    [['#big', '--range', '5'], 1, /the result of item 0 cannot be written as JSON/],
  ])('%j', async (args, expectedCode, why) => {
    const { code, stdout, stderr } = await execute(...(args as [string, ...string[]]))
    expect({ code, stdout }).toEqual({ code: expectedCode, stdout: '' })
    expect(stderr).toMatch(why)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('a line that is no JSON, and names it', async () => {
    writeFileSync(file('bad.ndjson'), '1\n\n{"a":\n4\n')
    const { code, stderr } = await execute('#echo', '--items', 'bad.ndjson')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^amorsize: bad.ndjson:3 is not JSON: .*; each line is one JSON value, and a text has quotes$/m,
    )
  })

  it('a line that is no UTF-8, and names it: before the run in a file, when it comes on standard input', async () => {
    const latin1 = Buffer.concat([Buffer.from('"\u20ac"\n"\ufffd"\n'), Buffer.from('"M\xfcller"\n4\n', 'latin1')])
    writeFileSync(file('latin1.ndjson'), latin1)
    const { code, stdout, stderr } = await execute('#echo', '--items', 'latin1.ndjson')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe("amorsize: the items 'latin1.ndjson' cannot be read: latin1.ndjson:3 is not UTF-8\n")

    const { child, seen, ended } = start(['./tasks.mjs#echo', '--items', '-'])
    child.stdin.write('1\n')
    await expect.poll(() => seen.output, { timeout: 20_000 }).toBe('1\n')
    child.stdin.end(latin1)
    expect(await ended).toEqual([1, null])
    expect(seen.output).toBe('1\n"\u20ac"\n"\ufffd"\n')
    expect(seen.errors).toMatch(/<stdin>:4 is not UTF-8/)
  })

  it('no character whose bytes come one by one', async () => {
    const { child, seen, ended } = start(['./tasks.mjs#echo', '--items', '-'])
    for (const byte of Buffer.from('1\n"\u20ac"')) {
      child.stdin.write(Buffer.from([byte]))
      if (byte === 10) await expect.poll(() => seen.output, { timeout: 20_000 }).toBe('1\n')
      await new Promise(setImmediate)
    }
    child.stdin.end()
    expect(await ended).toEqual([0, null])
    expect(seen).toEqual({ output: '1\n"\u20ac"\n', errors: '' })
  })

  it.skipIf((process.features as { typescript?: unknown }).typescript)(
    'TypeScript where this Node does not load it, and says what to do (needs a Node that does not)',
    async () => {
      writeFileSync(file('task.ts'), 'export const f = (n: number): number => n + 1')
      const { code, stderr } = await amorsize(['execute', './task.ts#f', '--range', '3'], folder)
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /task.ts is TypeScript, which Node v\d+.* does not load by itself: use Node 22.18 or later/,
      )
    },
  )

  it('leaves no file behind when nothing has run', async () => {
    mkdirSync(file('clean'))
    await execute('#missing', '--range', '5', '--out', 'clean/out.ndjson')
    expect(readdirSync(file('clean'))).toEqual([])
  })
})

describe('amorsize execute with a checkpoint', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('finishes what it has begun on %s, and goes on from there', async (signal, exitCode) => {
    const out = newFile()
    const args = [
      './tasks.mjs#slow',
      '--range',
      '3000',
      '--mode',
      'async',
      '--workers',
      '20',
      '--checkpoint',
      signal,
      '--out',
      out,
    ]
    const { child, seen, ended } = start(args)
    await expect.poll(() => existsSync(join(folder, signal, 'checkpoint.log')), { timeout: 20_000 }).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 300))
    child.kill(signal)
    expect(await ended).toEqual([exitCode, null])
    const [, done] =
      /^amorsize: interrupted after (\d+) of 3000 items; results so far: .*\.partial; the same command goes on from here\n$/.exec(
        seen.errors,
      )!
    expect(linesIn(`${out}.partial`)).toEqual(Array.from({ length: Number(done) }, (_, i) => i))
    expect(existsSync(out)).toBe(false)

    const second = start(args)
    expect(await second.ended).toEqual([0, null])
    expect(linesIn(out)).toEqual(Array.from({ length: 3000 }, (_, i) => i))
    expect(readdirSync(join(folder, signal))).toEqual(['checkpoint.log'])
  })

  it.each([
    ['endless', 'threads'],
    ['silent', 'async'],
  ])('ends at once on the second SIGINT, though an item has no end: %s', async (task, mode) => {
    const { child, seen, ended } = start([
      `./tasks.mjs#${task}`,
      '--range',
      '4',
      '--mode',
      mode,
      '--timeout-ms',
      '100000',
    ])
    while (!seen.errors.includes('begun')) await once(child.stderr, 'data')
    child.kill('SIGINT')
    // Two signals that come at once are one: the first must have been heard before the second is sent, which nothing shows.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    child.kill('SIGINT')
    expect(await ended).toEqual([130, null])
    expect(seen.errors).toMatch(/^(begun\n)+amorsize: interrupted after 0 of 4 items\n$/)
  })

  it('ends the wait for a line of standard input on SIGINT', async () => {
    const { child, seen, ended } = start(['./tasks.mjs#double', '--items', '-'])
    child.stdin.write('1\n')
    await expect.poll(() => seen.output, { timeout: 20_000 }).toBe('2\n')
    child.kill('SIGINT')
    expect(await ended).toEqual([130, null])
  })

  it('killed with SIGKILL, ends with the output of an unbroken run', async () => {
    const out = newFile()
    const args = ['./tasks.mjs#busy', '--range', '400', '--checkpoint', 'killed', '--out', out]
    const { child, ended } = start(args)
    await expect.poll(() => existsSync(join(folder, 'killed', 'checkpoint.log')), { timeout: 20_000 }).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 300))
    child.kill('SIGKILL')
    await ended
    const again = await execute('#busy', ...args.slice(1))
    expect(again).toEqual({ code: 0, stdout: '', stderr: '' })
    const unbroken = await execute('#busy', '--range', '400')
    expect(readFileSync(out, 'utf8')).toBe(unbroken.stdout)
  })

  it('refuses other items and another task, and says which', async () => {
    writeFileSync(file('abc.ndjson'), '"a"\n"b"\n"c"\n')
    writeFileSync(file('abx.ndjson'), '"a"\n"b"\n"x"\n')
    const run = (task: string, items: string) =>
      execute(task, '--items', items, '--checkpoint', 'mine', '--name', 'abc')
    expect((await run('#echo', 'abc.ndjson')).stdout).toBe('"a"\n"b"\n"c"\n')
    expect(await run('#echo', 'abx.ndjson')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belongs to other items: item 2 is not the one/) as string,
    })
    expect(await run('#nothing', 'abc.ndjson')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belongs to another task \(.*#echo, not .*#nothing\)/) as string,
    })
    expect((await run('#echo', 'abc.ndjson')).stdout).toBe('"a"\n"b"\n"c"\n')
    writeFileSync(file('ab.ndjson'), '"a"\n"b"\n')
    expect(await run('#echo', 'ab.ndjson')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belongs to other items: there were 3, now there are 2/) as string,
    })
  })
})
