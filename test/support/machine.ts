import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe } from 'vitest'
import { MACHINE } from '../../dist/memory/shared/layout.js'
import { addonForbidden } from './native.js'

/** Where the machine's regions are files. */
export const DIRECTORY = '/dev/shm'

/** Tests of scope 'machine' look at its files, so they run on Linux, with the addon. */
export const describeMachine: ReturnType<typeof describe.skipIf> = describe.skipIf(
  addonForbidden || process.platform !== 'linux',
)

const prefix = `test-${process.pid}-`
let names = 0

/** A name no other test uses. Its region is removed when the tests of this file have ended. */
export function machineName(): string {
  return `${prefix}${names++}`
}

/** The files of `name`, whatever its kind. */
export function filesOf(name: string): string[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.startsWith('amorsize.'))
    .map((file) => join(DIRECTORY, file))
    .filter((file) => nameIn(file) === name)
}

/** Reads the header alone: tables of keys are large, and others on the machine may have many. */
function nameIn(file: string): string | null {
  let fd: number | undefined
  try {
    fd = openSync(file, 'r')
    const bytes = Buffer.alloc((MACHINE.name + MACHINE.nameWords) * 8)
    readSync(fd, bytes, 0, bytes.length, 0)
    const start = MACHINE.name * 8
    return bytes.toString('utf8', start, start + Number(bytes.readBigInt64LE(MACHINE.nameBytes * 8)))
  } catch {
    return null // removed meanwhile, or no region
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Removes the regions of all names of these tests. */
export function removeRegions(): void {
  for (const file of readdirSync(DIRECTORY))
    if (file.startsWith('amorsize.') && nameIn(join(DIRECTORY, file))?.startsWith(prefix) === true)
      rmSync(join(DIRECTORY, file), { force: true })
}

const leftovers = new Set<string>()

/** Has `file`, which the tests have spoilt so that its name cannot be read, removed at the end too. */
export function removeLater(file: string): string {
  leftovers.add(file)
  return file
}

const children = new Set<ChildProcess>()

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  removeRegions()
  for (const file of leftovers) rmSync(file, { force: true, recursive: true })
})

const built = (file: string): string => pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', file)).href
const index = built('index.js')

/** The entry as users have it: for tests that start many processes, as each spends half the time on it. */
export const bundledIndex = built(join('bundle', 'index.js'))

/** A process that runs a piece of code, in which `RateLimiter` and `limiter` (made of `policy`) are there, and `say` sends a value. */
export interface Script {
  readonly child: ChildProcess
  /** The next value the process says. Rejects with the end of its output when it ends without. */
  next(): Promise<unknown>
  /** Resolves to how it ended. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>
}

/**
 * Starts a process.
 *
 * @param policy - of its limiter; null: it makes none
 * @param code - an async function's body
 * @param before - a command that starts the process, `unshare` for one
 * @param from - the package's entry, as a URL
 */
export function startScript(policy: object | null, code: string, before: readonly string[] = [], from = index): Script {
  const text = `
    import { RateLimiter } from ${JSON.stringify(from)}
    const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
    process.stdin.on('end', () => process.exit(0)).resume().unref()
    const policy = ${JSON.stringify(policy)}
    try {
      const limiter = policy === null ? null : new RateLimiter(policy)
      await (async () => { ${code} })()
    } catch (error) {
      say({ error: { name: error.name, reason: error.reason, message: error.message } })
    }`
  const words = [...before, process.execPath, '--input-type=module', '--eval', text]
  const child = spawn(words[0]!, words.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_V8_COVERAGE: undefined },
  })
  children.add(child)
  const said: unknown[] = []
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = []
  let unfinished = ''
  let errors = ''
  let over = false
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors = (errors + chunk).slice(-4000)))
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (unfinished + chunk).split('\n')
    unfinished = lines.pop() ?? ''
    for (const line of lines) {
      const value: unknown = JSON.parse(line)
      const waiter = waiting.shift()
      if (waiter === undefined) said.push(value)
      else waiter.resolve(value)
    }
  })
  const gone = (): Error => new Error(`the process ended without saying more: ${errors}`)
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => {
      children.delete(child)
      over = true
      for (const waiter of waiting) waiter.reject(gone())
      resolve({ code, signal })
    })
  })
  return {
    child,
    ended,
    next() {
      if (said.length > 0) return Promise.resolve(said.shift())
      if (over) return Promise.reject(gone())
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
  }
}

/** Runs such a process to its end; returns the first value it says. */
export async function runScript(
  policy: object | null,
  code: string,
  before: readonly string[] = [],
  from = index,
): Promise<unknown> {
  const script = startScript(policy, code, before, from)
  const value = await script.next()
  await script.ended
  return value
}
