import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../support/compile.js'
import { addonForbidden } from '../support/native.js'
import { type Block, blocksOf, examples, isProgram, isRun, pages, read, root } from './support/blocks.js'
import { MachineNames } from './support/machine-names.js'
import { findSurroundings, moduleOf, type Surroundings } from './support/program.js'
import { matches, missingPackage, prepare, runPage } from './support/run-block.js'

const blocks = [...pages().filter((page) => existsSync(join(root, page))).flatMap((page) => blocksOf(page, read(page))), ...examples()]
const run = blocks.filter((block) => isRun(block) && missingPackage(block) === undefined)
const missing = blocks.filter((block) => isRun(block) && missingPackage(block) !== undefined)
const notRun = blocks.filter((block) => isProgram(block) && block.notRun !== null)
const byPage = [...new Set(run.map(({ page }) => page))].map((page) => run.filter((block) => block.page === page))
const place = ({ page, line }: Block): string => `${page}:${line}`

describe('what is marked as code', () => {
  it('is run, but for a few that say why not', () => {
    const transcripts = blocks.length - run.length - notRun.length - missing.length
    if (missing.length > 0) console.log(`${missing.length} are left out: they need what npm run test:field installs`)
    console.log(
      `${blocks.length} blocks: ${run.length} are run, ${notRun.length} say why not (${notRun.map((block) => `${place(block)} ${block.notRun!}`).join(', ')}), ${transcripts} are commands, data or output`,
    )
    expect(run.length).toBeGreaterThan(100)
    expect(notRun.length).toBeLessThan(run.length / 8)
  })

  it('has a language that is known', () => {
    const others = blocks.filter(({ language }) => !['js', 'ts', 'sh', 'json', 'yaml', 'mermaid', 'text', ''].includes(language))
    expect(others.map((block) => `${place(block)} ${block.language}`)).toEqual([])
  })
})

describe('what a page says is printed', () => {
  it.each([
    ['12', '12', true],
    ['12', '13', false],
    ['after 1001 ms', 'after 10… ms', true],
    ['a\nb\nc', '…\nc', true],
    ['a.b', 'a+b', false],
  ])('%j is as %j: %s', (text, said, isSo) => {
    expect(matches(text, said)).toBe(isSo)
  })
})

describe.skipIf(addonForbidden)('every block', () => {
  let surroundings: Surroundings
  const outcomes = new Map<Block, string | null>()
  let names: MachineNames

  beforeAll(async () => {
    names = new MachineNames(blocks)
    surroundings = await findSurroundings()
    prepare()
    const isOfMachine = (group: readonly Block[]): boolean => group.some(({ code }) => code.includes("'machine'"))
    // Programs that share names with the whole machine would meet each other there.
    const jobs = [byPage.filter(isOfMachine), ...byPage.filter((group) => !isOfMachine(group)).map((group) => [group])]
    const lane = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift())
        for (const group of job)
          for (const [block, outcome] of await runPage(group, surroundings)) outcomes.set(block, outcome)
    }
    await Promise.all([lane(), lane()])
  }, 600_000)

  afterAll(() => {
    names.removeNew()
  })

  it.each(byPage.map((group) => [group[0]!.page, group] as const))('of %s runs and prints what it says', (_, group) => {
    const wrong = group.flatMap((block) => {
      const outcome = outcomes.get(block)
      return outcome === null ? [] : [`${place(block)}: ${outcome ?? 'was not run'}`]
    })
    expect(wrong.join('\n\n')).toBe('')
  })

  it('that README.md begins with prints what it says, and never counts more than the limit', async () => {
    const startMs = performance.now()
    const program = spawn(process.execPath, [join(root, 'examples/quick-start.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
    let calls = 0
    let lines = 0
    for await (const line of createInterface(program.stdout)) {
      calls += Number(/^(\d+) calls per second from 4 processes$/.exec(line)?.[1])
      lines++
      expect(calls).toBeLessThanOrEqual(1 + (10 * (performance.now() - startMs)) / 1000)
    }
    expect([lines > 0, calls > 0]).toEqual([true, true])
  })

  it('in TypeScript has types that fit', () => {
    const files = new Map(
      run
        .filter(({ language }) => language === 'ts')
        .map((block, i) => [join(root, 'test/docs', `block-${i}.ts`), block] as const),
    )
    const texts = new Map([...files].map(([file, block]) => [file, moduleOf(block, surroundings, './given', '.js')]))
    // Packages that only test/field has, or that bring no types.
    const untyped = join(root, 'test/docs/untyped.d.ts')
    texts.set(untyped, ['express', 'undici', '@nestjs/throttler'].map((name) => `declare module '${name}'\n`).join(''))
    const faults = compile(ts, [untyped, ...files.keys()], { lib: ['lib.esnext.full.d.ts'] }, texts)
    const named = faults.map((fault) => fault.replace(/^(\S+\.ts):(\d+)/, (_all, file: string, line: string) => {
        const block = files.get(file)
        return block === undefined ? `${file}:${line}` : `${block.page}:${block.line + Number(line) - 2}`
      }),
    )
    expect(named).toEqual([])
  })
})

it('README.md begins with examples/quick-start.mjs', () => {
  expect(read('examples/quick-start.mjs')).toBe(`${blocksOf('README.md', read('README.md'))[0]!.code}\n`)
})
