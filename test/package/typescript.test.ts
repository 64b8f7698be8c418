// Tasks in TypeScript modules, on each version of Node: in workers as in the thread that starts them.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { installNodeVersions, nodeVersions, root, run } from './project.js'

const loader = pathToFileURL(join(root, 'test/fixtures/loaders/typescript.mjs')).href
const typed = pathToFileURL(join(root, 'test/fixtures/tasks/typed.ts')).href

/** Runs the task in workers, and says how many items were drawn if that fails. */
const program = (before = '') => `${before}
import { execute, task } from 'amorsize'
let drawn = 0
function* items() { for (; drawn < 4; drawn++) yield { n: drawn } }
try {
  const options = { mode: 'threads', workers: 2, mainThread: false, chunkSize: 1 }
  console.log(JSON.stringify(await execute(task('${typed}', 'double'), items(), options)))
} catch (error) {
  console.log(error.name + ': ' + error.message + ' (' + error.cause?.code + ', ' + drawn + ' drawn)')
}`
const done = `${JSON.stringify([0, 2, 4, 6].map((n) => `${n} in a worker`))}\n`

let programs: Map<string, string>
beforeAll(async () => {
  programs = await installNodeVersions()
}, 300_000)

async function output(version: string, args: string[], source: string): Promise<string> {
  const { stdout, stderr, code } = await run(
    programs.get(version)!,
    ['--no-warnings', ...args, '--input-type=module', '-e', source],
    root,
  )
  expect(code, stderr).toBe(0)
  return stdout
}

const [oldest, ...stripping] = nodeVersions

describe('a task in a TypeScript module', () => {
  it.each(stripping)('runs in workers of Node %s, which strips types', async (version) => {
    expect(await output(version, [], program())).toBe(done)
  })

  it.each([oldest, '22'])(
    'runs in workers of Node %s with a loader that is registered as Node starts',
    async (version) => {
      expect(await output(version, [`--import=${loader}`], program())).toBe(done)
      expect(await output(version, ['--import', loader], program())).toBe(done)
    },
  )

  it('is refused before any item is drawn where nothing can load it, with what to do', async () => {
    expect(await output(oldest, [], program())).toMatch(
      /^TypeError: .*typed\.ts is TypeScript, which Node v20\.19\.0 does not load by itself: use Node 22\.18 .* \(ERR_UNKNOWN_FILE_EXTENSION, 0 drawn\)\n$/,
    )
  })

  it('is refused with Node 22 as the way out where --import registers for the main thread only, as tsx does', async () => {
    const tsx = new URL('main-thread-only.mjs', loader).href
    const said = await output(oldest, ['--import', tsx], program())
    expect(said).toMatch(
      /^TypeError: .*does not load by itself in a worker: before Node 22 what `--import` registers is not there in workers: use Node 22\.18 or later, or name the compiled module \(ERR_UNKNOWN_FILE_EXTENSION, 0 drawn\)\n$/,
    )
    expect(said).not.toContain('node --import tsx')
    expect(await output('22', ['--import', tsx], program())).not.toContain('before Node 22')
  })

  it('is refused with what to do where only the main thread has a loader', async () => {
    expect(await output(oldest, [], program(`await import('${loader}')\n`))).toMatch(
      /^TypeError: .*does not load by itself in a worker: .*as it starts.*node --import tsx/,
    )
  })
})
