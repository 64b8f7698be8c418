// Mutates headers of native/core and runs the tests that include them until one fails.
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { root } from '../support/project.mjs'
import { mutantsOf, weakerOrdersOf } from './native-mutants.mjs'

const core = join(root, 'native', 'core')
const build = join(root, 'build-mutation', 'native')
/** Copies, so that who works on the tests meanwhile changes nothing. */
const mutated = join(build, 'core')
const tests = join(build, 'tests')
const program = join(build, 'program')
const COMPILER = process.env.CXX ?? 'g++'
const FLAGS = ['-std=c++20', '-O1', '-w', '-fno-exceptions', '-fno-rtti', '-pthread']
/** What a mutant may take that never ends, in seconds of the processor: others may be using the machine. */
const TIMEOUT_FACTOR = 10
const LEAST_TIMEOUT_S = 3
/** Threads find a fault by chance. */
const SUITES = /^(?!machine_).*(?<!threads)_test\.cc$/
/** A test that takes longer is left to `npm test`: nearly all that it would notice, quicker ones notice. */
const MOST_TEST_MS = 1000
/** In the names of tests that explore what C++ allows a processor to do, beyond what this one does. */
const WEAK_MEMORY = 'weak memory'

/** Runs a command; one that a signal ends has no exit code of 0. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.on('error', () => resolve({ code: 1, stdout }))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout }))
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
    const next = [join(core, name), join(tests, name)].find((each) => existsSync(each))
    return next !== undefined && sees(next, header, seen)
  })
}

const includePaths = [`-I${build}`, `-I${join(root, 'native')}`, `-I${tests}`]
const objectOf = (source) => join(build, source.replace(/\.cc$/, '.o'))
const compile = (source, more = []) =>
  run(COMPILER, [...FLAGS, ...includePaths, ...more, '-c', join(tests, source), '-o', objectOf(source)])
/** The headers of the library are read once. */
const standard = join(build, 'standard.h')
const compileSuite = (test) => compile(test, ['-include', standard])
const link = (test) => run(COMPILER, [...FLAGS, objectOf('main.cc'), objectOf(test), '-o', program])

async function prepare() {
  rmSync(build, { recursive: true, force: true })
  mkdirSync(build, { recursive: true })
  cpSync(core, mutated, { recursive: true })
  cpSync(join(root, 'test', 'native'), tests, { recursive: true })
  const sources = [core, tests, join(tests, 'explore')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /\.(h|cc)$/.test(name) && !name.startsWith('machine_'))
      .map((name) => readFileSync(join(folder, name), 'utf8')),
  )
  const includes = new Set(sources.flatMap((text) => text.match(/^#include <\w+>$/gm) ?? []))
  writeFileSync(standard, [...includes, ''].join('\n'))
  await run(COMPILER, [...FLAGS, '-x', 'c++-header', standard, '-o', `${standard}.gch`])
  if ((await compile('main.cc')).code !== 0) throw new Error('main.cc does not compile')
}

/**
 * @param {string} header - a file of native/core
 * @param {number} [every] - of the mutants, one of so many
 * @param {import('./table.mjs').Result} [before] - an earlier result of the same header: what did not survive then does
 * not now, and is not judged again
 */
export async function mutateHeader(header, every = 1, before) {
  await prepare()
  const original = readFileSync(join(core, header), 'utf8')
  const suites = await suitesOf(header)
  const weak = suites
    .filter(({ names }) => names.some((name) => name.includes(WEAK_MEMORY)))
    .map((suite) => ({ ...suite, args: ['--until-failure', WEAK_MEMORY] }))
  const mutants = [
    ...mutantsOf(original).map((mutant) => ({ ...mutant, suites })),
    ...(weak.length > 0 ? weakerOrdersOf(original) : []).map((mutant) => ({ ...mutant, suites: weak })),
  ].filter((_, i) => i % every === 0)
  const again = before === undefined ? undefined : new Set(before.survivors)
  if (before !== undefined) checkSame(before, mutants)
  const survivors = []
  let notCompiled = before?.notCompiled ?? 0
  for (const mutant of mutants.filter((each) => again?.has(nameOf(each)) ?? true)) {
    writeFileSync(join(mutated, header), mutant.text)
    const verdict = await judge(mutant.suites)
    if (verdict === 'survived') survivors.push(nameOf(mutant))
    if (verdict === 'not compiled' && before === undefined) notCompiled++
    process.stdout.write(verdict === 'killed' ? '.' : verdict === 'survived' ? `\n${nameOf(mutant)}\n` : 'c')
  }
  process.stdout.write('\n')
  const killed = mutants.length - survivors.length - notCompiled
  return { file: `native/core/${header}`, killed, survivors, notCompiled }
}

const nameOf = ({ line, column, from, to, code }) => `line ${line}:${column}: \`${from}\` → \`${to}\` in \`${code}\``

function checkSame({ file, killed, survivors, notCompiled }, mutants) {
  const names = new Set(mutants.map(nameOf))
  if (killed + survivors.length + notCompiled !== mutants.length || survivors.some((each) => !names.has(each)))
    throw new Error(`${file} is not what it was when it was measured: measure it without --again`)
}

/**
 * The suites that see the header, each without its tests that take too long to be run for every mutant.
 * @typedef {{ test: string, names: string[], args: string[], ms: number, runMs: number, digest: string, killed: number }} Suite
 * @returns {Promise<Suite[]>}
 */
async function suitesOf(header) {
  const found = []
  for (const test of readdirSync(tests).filter((name) => SUITES.test(name))) {
    if (!sees(join(tests, test), header)) continue
    const startMs = performance.now()
    if ((await compileSuite(test)).code !== 0) throw new Error(`${test} does not compile by itself`)
    const compileMs = performance.now() - startMs
    await link(test)
    const { code, stdout } = await run(program, [])
    if (code !== 0) throw new Error(`${test} fails without any mutant`)
    const all = [...stdout.matchAll(/^ok {3}(.+) \((\d+) ms\)$/gm)].map(([, name, ms]) => ({ name, ms: Number(ms) }))
    const isLong = ({ ms }) => ms > MOST_TEST_MS
    const args = ['--until-failure', ...all.filter(isLong).flatMap(({ name }) => ['--without', name])]
    const runMs = all.filter((each) => !isLong(each)).reduce((total, { ms }) => total + ms, 0)
    const names = all.map(({ name }) => name)
    found.push({ test, names, args, runMs, ms: compileMs + runMs, digest: digestOf(test), killed: 0 })
  }
  if (found.length === 0) throw new Error(`no native test includes ${header}`)
  return found
}

const digestOf = (test) =>
  createHash('sha256')
    .update(readFileSync(objectOf(test)))
    .digest('hex')

/** @param {Suite[]} suites - whichever has killed most goes first, then the quickest */
async function judge(suites) {
  let verdict = 'not compiled'
  suites.sort((a, b) => b.killed - a.killed || a.ms - b.ms)
  for (const suite of suites) {
    const { test, args, runMs, digest } = suite
    if ((await compileSuite(test)).code !== 0) return 'not compiled'
    // The compiler makes the same of it: code for another compiler, or two ways to say one thing.
    if (digestOf(test) === digest) continue
    verdict = 'survived'
    await link(test)
    const timeoutS = Math.max(LEAST_TIMEOUT_S, Math.ceil((runMs * TIMEOUT_FACTOR) / 1000))
    const limited = ['-c', 'ulimit -t "$0"; exec "$@"', String(timeoutS), program, ...args]
    if ((await run('sh', limited)).code === 0) continue
    suite.killed++
    return 'killed'
  }
  return verdict
}
