import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../unit/support/recorded-run.js'
import { amorsize, main } from '../support/command-line.js'

const folder = temporaryFolder()
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Look {
  readonly verdict: string
  readonly text: string
}

/** Starts `amorsize watch`; `next` is what the next look says. */
function watching(name: string, text: string, ...args: string[]) {
  const file = join(folder, name)
  const write = (code: string): void => {
    writeFileSync(file, code)
  }
  write(text)
  const child = spawn(process.execPath, [main, 'watch', `./${name}#f`, '--range', '4', '--json', ...args], {
    cwd: folder,
  })
  children.add(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Look> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('it ended')
    return JSON.parse(value) as Look
  }
  return { child, write, next, ended: once(child, 'close') as Promise<[number | null]> }
}

const waiting = (ms: number): string =>
  `export const f = (n) => new Promise((resolve) => setTimeout(resolve, ${ms}, n))\n`

describe('amorsize watch', () => {
  it('warns when a change makes it slower, tells a module that is broken, and goes on', async () => {
    const { write, next, ended } = watching(
      'slower.mjs',
      waiting(10),
      '--rounds',
      '4',
      '--times',
      '4',
      '--tolerance',
      '300',
    )
    expect(await next()).toMatchObject({ verdict: 'first' })
    write('export const f = (n) => {')
    expect(await next()).toMatchObject({
      verdict: 'failed',
      text: expect.stringMatching(/cannot be loaded: SyntaxError.*slower\.mjs/),
    })
    write(waiting(600))
    expect(await next()).toMatchObject({ verdict: 'slower' })
    write(waiting(10))
    expect((await next()).verdict).not.toBe('slower')
    expect((await ended)[0]).toBe(0)
  })

  it('tells which item has failed', async () => {
    const code = "export const f = (n) => { if (n === 3) throw new RangeError('three'); return n }\n"
    const { next, ended } = watching('fails.mjs', code, '--rounds', '1', '--times', '1')
    expect(await next()).toMatchObject({ verdict: 'failed', text: 'item 3 failed: RangeError: three' })
    expect((await ended)[0]).toBe(1)
  })

  it('looks again after each interval, and ends with 1 if the last look was slower', async () => {
    // The four processes of the first look are fast, and those after them slow, however busy this one is.
    const code = `import { appendFileSync, statSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
if (isMainThread) appendFileSync('runs', '.')
${waiting(10).replace('10', "statSync('runs').size > 4 ? 600 : 10")}`
    const { next, ended } = watching(
      'again.mjs',
      code,
      '--rounds',
      '4',
      '--interval',
      '100',
      '--times',
      '2',
      '--tolerance',
      '300',
    )
    expect(await next()).toMatchObject({ verdict: 'first' })
    expect(await next()).toMatchObject({ verdict: 'slower' })
    expect((await ended)[0]).toBe(1)
  })

  it('ends with 0 on Ctrl-C', async () => {
    const { child, next, ended } = watching('ends.mjs', waiting(1), '--rounds', '1')
    await next()
    child.kill('SIGINT')
    expect((await ended)[0]).toBe(0)
  })

  it('refuses what cannot be watched', async () => {
    expect(
      await amorsize(['watch', 'data:text/javascript,export const f = 1#f', '--range', '2'], folder),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('only a module that is a file can be watched') })
    expect(await amorsize(['watch', './none/at-all.mjs#f', '--range', '2'], folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be watched'),
    })
    expect(await amorsize(['watch', './slower.mjs#f'], folder)).toMatchObject({ code: 2 })
  })
})
