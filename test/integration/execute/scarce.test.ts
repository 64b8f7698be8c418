import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'

const bundle = join(import.meta.dirname, '../../..', 'dist', 'bundle', 'index.cjs')
const folder = mkdtempSync(join(tmpdir(), 'amorsize-scarce-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function printed(code: string, ...args: string[]): Promise<string> {
  const program = join(folder, 'program.cjs')
  writeFileSync(program, code.replaceAll('PACKAGE', JSON.stringify(bundle)))
  const { stdout } = await promisify(execFile)(args[0] ?? process.execPath, [...args.slice(1), program], {
    maxBuffer: 100e6,
  })
  return stdout
}

describe.skipIf(process.platform === 'win32')('where file descriptors are short (needs a POSIX shell)', () => {
  it('a run fails, and the next one goes well once there are some', async () => {
    const text = await printed(
      `const fs = require('node:fs')
       const { execute, RateLimiter } = require(PACKAGE)
       new RateLimiter({ requestsPerSecond: 1 }).tryAcquire()
       const task = (n) => n + 1
       const run = () => execute(task, [1, 2], { mode: 'threads', workers: 1 }).then(String, ({ code }) => code)
       const taken = []
       try { for (;;) taken.push(fs.openSync('/dev/null')) } catch ({ code }) { if (code !== 'EMFILE') throw code }
       run().then(async (first) => {
         for (const descriptor of taken) fs.closeSync(descriptor)
         console.log(first, await run())
       })`,
      '/bin/sh',
      '-c',
      `ulimit -n 60; exec "${process.execPath}" "$0"`,
    )
    expect(text).toBe('ERR_EXECUTION 2,3\n')
  })
})

describe.skipIf(process.platform === 'win32' || process.env['AMORSIZE_NATIVE'] === '0')(
  'where there are none as the addon is loaded (needs a POSIX shell and the addon)',
  () => {
    it('the warning says what to do about that', async () => {
      const text = await printed(
        `const fs = require('node:fs')
       const { RateLimiter } = require(PACKAGE)
       process.on('warning', ({ code, message }) => console.log(code, message))
       console.log('first')
       const taken = []
       try { for (;;) taken.push(fs.openSync('/dev/null')) } catch ({ code }) { if (code !== 'EMFILE') throw code }
       const make = () => new RateLimiter({ requestsPerSecond: 1 }).tryAcquire()
       try { make() } catch ({ code, message }) { console.log(code, message) }
       for (const descriptor of taken) fs.closeSync(descriptor)
       console.log('then', make())`,
        '/bin/sh',
        '-c',
        `ulimit -n 60; exec "${process.execPath}" "$0"`,
      )
      expect(text).toMatch(/ERR_SHARED_MEMORY [^]*EMFILE/)
      expect(text).toMatch(/then true/)
      expect(text).toMatch(/AMORSIZE_NO_ADDON [^]*raise the limit \(ulimit -n\)/)
    })
  },
)

describe('a worker', () => {
  const waste = (ms: number): string => `const end = performance.now() + ${ms}; while (performance.now() < end);`

  describe.each([
    ['numbers', 'n'],
    ['objects', '{ n }'],
  ])('whose items are %s', (_, item) => {
    it.each([
      ['of itself', ''],
      ['by process.exit()', '.then(() => process.exit(0))'],
      ['after an item has failed', '.catch(() => process.exit(0))'],
    ])('prints all that they have printed before the process ends %s', async (ending, then) => {
      const text = await printed(
        `const { execute } = require(PACKAGE)
         const task = (item) => {
           ${waste(0.2)}
           console.log('line', 'x'.repeat(500))
           if (${ending.endsWith('failed')} && (item.n ?? item) === 599) throw new Error('failed')
           return item
         }
         const items = Array.from({ length: 600 }, (_, n) => (${item}))
         execute(task, items, { mode: 'threads', workers: 1, mainThread: false })${then}`,
      )
      expect(text.match(/^line/gm)).toHaveLength(600)
    })

    it('prints while they follow each other, and keeps no more of it than there is room for', async () => {
      const text = await printed(
        `const { execute } = require(PACKAGE)
         const task = () => {
           ${waste(2)}
           for (let i = 0; i < 100; i++) console.log('line', 'x'.repeat(2000))
         }
         const startedMs = performance.now()
         let firstMs
         const write = process.stdout.write.bind(process.stdout)
         process.stdout.write = (...given) => {
           firstMs ??= performance.now() - startedMs
           return write(...given)
         }
         const items = Array.from({ length: 300 }, (_, n) => (${item}))
         const options = { mode: 'threads', workers: 1, mainThread: false, chunkSize: ${item === 'n' ? 'undefined' : '150'} }
         // 60 MB of text, and room for half of it.
         execute(task, items, { ...options, maxMemoryPerWorker: 30e6 }).then(() => {
           // Where its reader is slow, some of what workers have printed is still behind this.
           write('first ' + firstMs / (performance.now() - startedMs) + '\\n')
         })`,
      )
      expect(text.match(/^line/gm)).toHaveLength(30_000)
      expect(Number(/^first (.*)$/m.exec(text)?.[1])).toBeLessThan(0.5)
    })
  })

  it.each([
    ['a method', 'process.stdout.write = () => true'],
    ['an object', "Object.defineProperty(process, 'stdout', { value: { write: () => true } })"],
    ['a stream that is held back', 'process.stdout.cork()'],
  ])('whose task puts %s in the place of its output keeps neither run nor program', async (_, replaced) => {
    const text = await printed(
      `const { execute } = require(PACKAGE)
       const task = (item) => {
         ${replaced}
         console.error('x'.repeat(1000))
         return item.n
       }
       const items = Array.from({ length: 2000 }, (_, n) => ({ n }))
       const startedMs = performance.now()
       execute(task, items, { mode: 'threads', workers: 1, mainThread: false }).then(({ length }) => {
         process.on('exit', () => console.log(length, performance.now() - startedMs < 20_000))
       })`,
    )
    expect(text).toBe('2000 true\n')
  })

  it('whose item is ended by its time limit, or ends its thread, has printed before that', async () => {
    const text = await printed(
      `const { execute } = require(PACKAGE)
       const task = (n) => {
         console.log('line', n)
         if (n === 2) for (;;);
         if (n === 4) process.exit(3)
       }
       const options = { mode: 'threads', workers: 1, mainThread: false, timeoutMs: 200, retryCrashedItems: 0 }
       execute(task, [1, 2, 3, 4], { ...options, onError: 'collect' }).then(() => process.exit())`,
    )
    expect(text).toBe('line 1\nline 2\nline 3\nline 4\n')
  })

  it('that ends of what a task has left behind in it is told of, and replaced', async () => {
    const text = await printed(
      `const { once } = require('node:events')
       const { execute } = require(PACKAGE)
       const task = (n) => {
         setTimeout(() => Promise.reject(new Error('left behind')), 20)
         return n
       }
       const run = () => execute(task, [1], { mode: 'threads', workers: 1, mainThread: false })
       const all = async () => {
         const warned = once(process, 'warning')
         await run()
         const alive = setInterval(() => {}, 1000)
         const [{ code, message }] = await warned
         clearInterval(alive)
         console.log(code, message)
         console.log(String(await run()))
         process.exit()
       }
       all()`,
    )
    expect(text).toBe(
      'AMORSIZE_IDLE_WORKER_DIED a worker thread has ended of what a task has left behind in it: left behind\n1\n',
    )
  })

  it("has the program's arguments and its environment as it is now", async () => {
    const text = await printed(
      `const { execute } = require(PACKAGE)
       const task = () => [process.env.LANGUAGE_NOW, ...process.argv.slice(2)].join(' ')
       const run = () => execute(task, [1], { mode: 'threads', workers: 1, mainThread: false })
       const all = async () => {
         for (const language of ['de', 'fr']) {
           process.env.LANGUAGE_NOW = language
           console.log(String(await run()))
         }
       }
       process.argv.push('--upper')
       all()`,
    )
    expect(text).toBe('de --upper\nfr --upper\n')
  })
})
