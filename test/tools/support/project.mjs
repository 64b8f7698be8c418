// Projects of their own in the project's .cache, with the packed package and one tool of a pinned version each.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathOf } from '../../../scripts/support/prebuilds.mjs'
import { root } from '../../../scripts/support/project.mjs'
import { targets } from '../../../scripts/support/targets.mjs'

const cache = join(root, '.cache', 'tools')
const tarball = join(cache, 'amorsize.tgz')
const here = join(root, 'test', 'tools')

/** @returns {Promise<{ code: number, stdout: string, output: string }>} */
export function run(command, args, { cwd, env = {} }) {
  // What the runner of these tests has put there is not for them. AMORSIZE_NATIVE must not decide either.
  const clean = { ...process.env, NODE_OPTIONS: undefined, NODE_ENV: undefined, VITEST: undefined, AMORSIZE_NATIVE: '' }
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: { ...clean, ...env }, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: error?.code ?? 0, stdout, output: `${stdout}\n${stderr}` })
    })
  })
}

export async function mustRun(command, args, options) {
  const { code, stdout, output } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with exit code ${code}:\n${output}`)
  return stdout
}

/** Packs the package, once for all projects. */
export async function pack() {
  mkdirSync(cache, { recursive: true })
  const printed = await mustRun('npm', ['pack', '--json', '--pack-destination', cache], { cwd: root })
  const [{ filename }] = Object.values(JSON.parse(printed))
  cpSync(join(cache, filename), tarball)
  rmSync(join(cache, filename))
}

/**
 * A project with a tool, the package, the program (main.mjs, main.cjs, main.ts) and the files of its own in projects/.
 *
 * @param {{ name: string, packages: Record<string, string>, files?: string }} tool
 * @returns {Promise<string>} its folder
 */
export async function project({ name, packages, files = name }) {
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, 'package.json')
  const wanted = JSON.stringify({ private: true, dependencies: { ...packages, amorsize: `file:${tarball}` } })
  // npm takes a file of the same name for what is installed already.
  const modules = join(folder, 'node_modules')
  if (!existsSync(manifest) || readFileSync(manifest, 'utf8') !== wanted)
    rmSync(modules, { recursive: true, force: true })
  for (const stale of ['amorsize', '.package-lock.json']) rmSync(join(modules, stale), { recursive: true, force: true })
  writeFileSync(manifest, wanted)
  addSources(folder, files)
  await mustRun('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline'], { cwd: folder })
  addAddons(join(modules, 'amorsize', 'prebuilds'))
  return folder
}

/** The same without npm: for tools that install packages themselves. */
export function bareProject(name) {
  const folder = join(cache, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: { amorsize: `file:${tarball}` } }),
  )
  addSources(folder, name)
  return folder
}

function addSources(folder, files) {
  for (const source of [join(here, 'program'), join(here, 'projects', files)])
    if (existsSync(source)) cpSync(source, folder, { recursive: true })
  rmSync(join(folder, 'out'), { recursive: true, force: true })
}

/** The published package holds an addon of every system; what is packed here, those that have been built. Bundlers look only whether they are there. */
function addAddons(prebuilds) {
  for (const name of Object.keys(targets)) {
    const file = pathOf(name, prebuilds)
    if (existsSync(file)) continue
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '')
  }
}

/** The program of a package in a project. */
export const bin = (folder, name) => join(folder, 'node_modules', '.bin', name)
