// Mutates headers of native/core and runs the tests that include them, the quickest first, until one fails.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { root } from '../support/project.mjs'
import { mutantsOf } from './native-mutants.mjs'

const core = join(root, 'native', 'core')
const tests = join(root, 'test', 'native')
const build = join(root, 'build-mutation', 'native')
const COMPILER = process.env.CXX ?? 'g++'
const FLAGS = ['-std=c++20', '-O1', '-w', '-fno-exceptions', '-fno-rtti', '-pthread']
/** A mutant that never ends is caught too. */
const TIMEOUT_FACTOR = 10
const LEAST_TIMEOUT_MS = 10_000
/** Threads find a fault by chance. */
const SUITES = /^(?!machine_).*(?<!_long|threads)_test\.cc$/
/** A suite that takes longer is left to `npm test`. */
const MOST_SUITE_MS = 120_000

/** Runs a program; a program that is stopped for its time has no exit code of 0. */
function run(command, args, timeoutMs = 600_000) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' })
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

const includesOf = (path) =>
  [...readFileSync(path, 'utf8').matchAll(/#include "(?:core\/)?([\w./]+)"/g)].map(([, name]) => name)

/** Whether a test sees a header of the core, directly or through others. */
function sees(path, header, seen = new Set()) {
  return includesOf(path).some((name) => {
    if (name === header) return true
    if (seen.has(name)) return false
    seen.add(name)
    const next = [join(core, name), join(tests, name)].find((each) => exists(each))
    return next !== undefined && sees(next, header, seen)
  })
}

function exists(path) {
  try {
    readFileSync(path)
    return true
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

async function compile(test, coreFolder, program) {
  return run(COMPILER, [
    ...FLAGS,
    `-I${coreFolder}`,
    `-I${join(root, 'native')}`,
    `-I${tests}`,
    join(tests, 'main.cc'),
    join(tests, test),
    '-o',
    program,
  ])
}

/**
 * @param {string} header - a file of native/core
 * @param {number} [every] - of the mutants, one of so many
 */
export async function mutateHeader(header, every = 1) {
  rmSync(build, { recursive: true, force: true })
  mkdirSync(build, { recursive: true })
  cpSync(core, join(build, 'core'), { recursive: true })
  const program = join(build, 'tests')
  const original = readFileSync(join(core, header), 'utf8')
  const suites = await quickestFirst(header, program)
  const result = { file: `native/core/${header}`, killed: 0, survivors: [], notCompiled: 0 }
  for (const mutant of mutantsOf(original).filter((_, i) => i % every === 0)) {
    writeFileSync(join(build, 'core', header), mutant.text)
    const verdict = await judge(suites, program)
    if (verdict === 'survived')
      result.survivors.push(`line ${mutant.line}: \`${mutant.from}\` → \`${mutant.to}\` in \`${mutant.code}\``)
    else if (verdict === 'killed') result.killed++
    else result.notCompiled++
    process.stdout.write(verdict === 'killed' ? '.' : verdict === 'survived' ? 'S' : 'c')
  }
  writeFileSync(join(build, 'core', header), original)
  process.stdout.write('\n')
  return result
}

/** The suites that see the header, without those that take too long to be run for every mutant. */
async function quickestFirst(header, program) {
  const found = []
  for (const test of readdirSync(tests).filter((name) => SUITES.test(name))) {
    if (!sees(join(tests, test), header)) continue
    if ((await compile(test, build, program)) !== 0) throw new Error(`${test} does not compile by itself`)
    const digest = digestOf(program)
    const startMs = performance.now()
    const code = await run(program, [], MOST_SUITE_MS)
    const ms = performance.now() - startMs
    if (ms >= MOST_SUITE_MS) continue
    if (code !== 0) throw new Error(`${test} fails without any mutant`)
    found.push({ test, ms, digest })
  }
  if (found.length === 0) throw new Error(`no native test of less than ${MOST_SUITE_MS} ms includes ${header}`)
  return found.sort((a, b) => a.ms - b.ms)
}

const digestOf = (program) => createHash('sha256').update(readFileSync(program)).digest('hex')

async function judge(suites, program) {
  let verdict = 'not compiled'
  for (const { test, ms, digest } of suites) {
    if ((await compile(test, build, program)) !== 0) return 'not compiled'
    // The compiler makes the same of it: code for another compiler, or two ways to say one thing.
    if (digestOf(program) === digest) continue
    verdict = 'survived'
    if ((await run(program, [], Math.max(LEAST_TIMEOUT_MS, Math.ceil(ms * TIMEOUT_FACTOR)))) !== 0) return 'killed'
  }
  return verdict
}
