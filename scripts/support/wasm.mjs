// The code of the addon as WebAssembly: what of native/binding and native/core needs no system, with native/wasm in its place.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import stamp from '../../native/binding/stamp.cjs'
import { includesOfNode } from './headers.mjs'
import { manifest, root } from './project.mjs'
import { zig } from './zig.mjs'

/** What asks the system; native/wasm/host.cc answers instead. */
const ofSystem = ['clock_binding', 'doorbell', 'machine_view', 'named_cells', 'process_host', 'system_binding']
/** A stack of that size follows the constants; each instance has one of its own, elsewhere. */
const STACK_BYTES = 1024
const PAGE_BYTES = 65_536

const filesOf = (folder, kinds) =>
  readdirSync(join(root, 'native', folder))
    .filter((name) => kinds.test(name))
    .sort()
    .map((name) => join('native', folder, name))

/** A hash of all that goes into the module. */
export function sourcesOfWasm() {
  const hash = createHash('sha256')
  const files = ['binding', 'core', 'os', 'wasm'].flatMap((folder) =>
    filesOf(folder, folder === 'os' ? /\.h$/ : /\.(cc|h)$/),
  )
  for (const file of [...files, join('scripts', 'support', 'wasm.mjs')])
    hash.update(file.replaceAll('\\', '/')).update(readFileSync(join(root, file)))
  return hash.digest('hex').slice(0, 16)
}

/**
 * Builds the module.
 *
 * @param {{ from?: string, defines?: string[], work?: string }} [options] - a folder with native/; more for the compiler; where objects go
 * @returns {Promise<Buffer>}
 */
export async function buildWasm({ from = root, defines = [], work = join(root, '.tmp', 'wasm') } = {}) {
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const includes = ['native', await includesOfNode(), join(root, 'node_modules', 'node-addon-api')]
  const flags = [
    ...['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics', '-fvisibility=hidden'],
    ...['-ffunction-sections', '-matomics', '-mbulk-memory', '-Wall', '-Wextra'],
    ...[`AMORSIZE_VERSION=${manifest.version}`, `AMORSIZE_STAMP=${stamp}`, 'NODE_GYP_MODULE_NAME=amorsize']
      .concat('BUILDING_NODE_EXTENSION', defines)
      .map((define) => `-D${define}`),
    ...includes.map((path) => `-I${path === 'native' ? join(from, path) : path}`),
  ]
  const waiting = ['binding', 'wasm'].flatMap((folder) =>
    filesOf(folder, /\.cc$/).filter((file) => !ofSystem.some((name) => file.endsWith(`${name}.cc`))),
  )
  const objects = waiting.map((file) => join(work, file.replaceAll(/[\\/]/g, '-').replace(/cc$/, 'o')))
  const compileNext = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      // What every decision goes through is compiled for speed, the rest for size.
      const level = file.endsWith('hot_calls.cc') ? '-O2' : '-Os'
      const object = objects[waiting.length]
      await zig(['c++', '-target', 'wasm32-wasi-musl', level, ...flags, '-c', join(from, file), '-o', object])
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext))
  const module = join(work, 'amorsize.wasm')
  await zig([
    ...['wasm-ld', '--no-entry', '--import-memory', '--shared-memory', `--initial-memory=${PAGE_BYTES}`],
    ...[`--max-memory=${2 ** 32}`, '--export-table', '--export=napi_register_wasm_v1', '--export=__stack_pointer'],
    ...['--allow-undefined', '--gc-sections', '-O3', '--strip-all', '-z', `stack-size=${STACK_BYTES}`, '-o', module],
    ...objects,
  ])
  return readFileSync(module)
}
