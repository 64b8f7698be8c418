import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Block, root } from './blocks.js'
import { GIVEN, moduleOf, type Surroundings, toJavaScript } from './program.js'

/** Where the programs are written; within the package, so that they import it by its name. */
const FOLDER = join(root, 'build/docs')
/** Packages of others that examples import and only test/field installs. */
const FROM_FIELD = ['axios', 'got', 'ky', 'undici', 'koa', '@nestjs/throttler', '@nestjs/common', 'reflect-metadata', 'rxjs']
/** What a block imports that is not there, since only `npm run test:field` installs it; undefined where all is there. */
export function missingPackage({ code }: Block): string | undefined {
  const wanted = FROM_FIELD.filter((name) => code.includes(`from '${name}'`) || code.includes(`import '${name}'`))
  return wanted.find((name) => !existsSync(join(root, 'test/field/node_modules', name)))
}

/** A block that takes longer hangs: the longest takes two seconds. */
const LIMIT_MS = 60_000

/** Coverage would slow them down, and colours are no part of what is said; the keys of model APIs, which clients ask for, are never sent. */
const ENVIRONMENT = {
  NODE_V8_COVERAGE: undefined,
  NODE_OPTIONS: undefined,
  FORCE_COLOR: undefined,
  NO_COLOR: '1',
  OPENAI_API_KEY: 'none',
  ANTHROPIC_API_KEY: 'none',
}

/** Clears the folder of programs and puts there what they take for granted. */
export function prepare(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(join(FOLDER, 'given'), { recursive: true })
  for (const file of readdirSync(GIVEN))
    writeFileSync(
      join(FOLDER, 'given', file.replace('.ts', '.mjs')),
      toJavaScript(readFileSync(join(GIVEN, file), 'utf8')).replaceAll(/(from '\.\/[\w-]+)\.js'/g, "$1.mjs'"),
    )
  for (const name of FROM_FIELD) {
    const link = join(FOLDER, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(root, 'test/field/node_modules', name), link, 'junction')
  }
}

/**
 * Runs the blocks of one page one after the other, in one folder, each in a process of its own.
 *
 * @returns what is wrong, by block; null where it did and printed what the page says
 */
export async function runPage(blocks: readonly Block[], surroundings: Surroundings): Promise<Map<Block, string | null>> {
  const folder = join(FOLDER, blocks[0]!.page.replaceAll(/[^\w-]/g, '_'))
  cpSync(join(root, 'test/docs/files'), folder, { recursive: true })
  const outcomes = new Map<Block, string | null>()
  const files = blocks.map((block, i) => join(folder, block.file?.replace(/\.ts$/, '.mjs') ?? `block-${i + 1}.mjs`))
  for (const [i, block] of blocks.entries()) {
    const code = moduleOf(block, surroundings, '../given', '.mjs')
    writeFileSync(files[i]!, block.language === 'ts' ? toJavaScript(code) : code)
  }
  for (const [i, block] of blocks.entries()) {
    const { file } = block
    // One that another block of the page starts or imports is run by that.
    const isPart = file !== null && blocks.some((other) => other !== block && other.code.includes(`/${file}'`))
    outcomes.set(block, isPart ? null : await runOne(files[i]!, block))
  }
  return outcomes
}

async function runOne(file: string, block: Block): Promise<string | null> {
  const { failure, stdout, stderr } = await run(file)
  if (failure !== null) return `${failure}\n${stdout}${stderr}`
  const warning = /^.*Warning: .*$/m.exec(stderr)?.[0]
  if (warning !== undefined) return `warns: ${warning}`
  const said = expectedOf(block)
  const printed = stdout.trimEnd()
  if (matches(printed, said)) return null
  return said === '' ? `prints what the page does not say:\n${printed}` : `the page says\n${said}\nbut it prints\n${printed}`
}

function run(file: string): Promise<{ readonly failure: string | null; readonly stdout: string; readonly stderr: string }> {
  const options = {
    cwd: dirname(file),
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...ENVIRONMENT },
  } as const
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file], options, (error, stdout, stderr) => {
      const failure = error === null ? null : error.killed === true ? `does not end within ${LIMIT_MS} ms` : 'fails'
      resolve({ failure, stdout, stderr })
    })
    // One that does not read is gone before it is written to.
    child.stdin?.on('error', () => undefined).end('one\nfour\n')
  })
}

/** The output that a page promises for a block: in a block below it, or in comments behind the calls of `console.log`, folded ones too. */
function expectedOf({ code, prints }: Block): string {
  if (prints !== null) return prints
  return [...code.matchAll(/^(?:.*\bconsole\.log\(.*|\s*)\) \/\/ (.+)$/gm)].map((match) => match[1]!.trimEnd()).join('\n')
}

/** Whether text is as said; `…` stands for anything. */
export function matches(text: string, said: string): boolean {
  const pattern = said
    .split(/ ?… ?/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*')
  return new RegExp(`^${pattern}$`).test(text)
}
