import { fileURLToPath } from 'node:url'
import { SharedMemoryError } from '../errors.js'
import { prebuiltFiles, requirePrebuilt, requireWasm } from './addon-files.js'
import { builtins } from './builtins.js'
import { elfFault } from './elf.js'
import { lazy } from './lazy.js'
import { describe } from './options/validate.js'
import { STAMP } from './stamp.js'
import { messageOf } from './text/error-text.js'
import { VERSION } from './version.js'

/**
 * The exports of the addon. Each subject (bucket, system, …) declares its part by interface merging next to the code that
 * uses it, so this file need not know them.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by declaration merging
export interface NativeAddon {}

/** The outcome of loading: for error messages, `amorsize` on the command line, and bug reports. */
export interface NativeStatus {
  /** 'addon', or 'wasm' if the same code runs as WebAssembly. */
  readonly source: 'addon' | 'wasm'
  /** One line for every attempt that failed. */
  readonly tried: readonly string[]
}

interface Loaded {
  readonly addon: NativeAddon | null
  readonly status: NativeStatus
}

const loaded = lazy(load)

/** The addon, or null if it cannot be loaded or `AMORSIZE_NATIVE=0` forbids it. Loaded on first use. */
export function nativeAddon(): NativeAddon | null {
  return loaded().addon
}

/** Which implementation is in use, and why. */
export function nativeStatus(): NativeStatus {
  return loaded().status
}

function load(): Loaded {
  const wish = process.env['AMORSIZE_NATIVE']
  if (wish !== undefined && !['', '0', '1'].includes(wish)) {
    throw new SharedMemoryError(
      `AMORSIZE_NATIVE must be 0 (never the addon), 1 (never without it) or empty (the addon where it loads); received ${describe(wish)}`,
      { reason: 'unavailable' },
    )
  }
  if (wish === '0') return { addon: null, status: { source: 'wasm', tried: ['AMORSIZE_NATIVE=0 forbids the addon'] } }

  const tried: string[] = []
  let cure = MISSING
  const failed = (error: unknown): void => {
    const line = firstLine(error)
    if ((error as { code?: unknown } | null)?.code === 'ERR_DLOPEN_DISABLED') cure = FORBIDDEN
    if (/static TLS/.test(line)) cure = CROWDED
    else if (/too many open files|cannot allocate memory|E[MN]FILE|ENOMEM/i.test(line)) cure = SCARCE
    if (!tried.includes(line)) tried.push(line)
  }
  const usable = (path: string): boolean => {
    const fault = elfFault(path)
    if (fault !== null) tried.push(fault)
    return fault === null
  }
  const ours = (addon: unknown): NativeAddon | undefined => {
    if (addon === undefined) return undefined
    const { version, stamp } = addon as { version?: unknown; stamp?: unknown }
    const isOfSources = STAMP === '' || stamp === STAMP
    if (version === VERSION && isOfSources) return addon as NativeAddon
    if (version !== VERSION) tried.push(`the addon is of version ${describe(version)}, amorsize of ${VERSION}`)
    else {
      cure = STALE
      tried.push(`the addon was compiled from other sources than this JavaScript: ${String(stamp)}, not ${STAMP}`)
    }
    return undefined
  }
  const addon =
    ours(requireBuilt(usable, failed)) ??
    ours(lendingRequire(() => requirePrebuilt((file) => usable(pathInPackage(`prebuilds/${file}`) ?? file), failed))) ??
    ours(requireCopied(usable, failed))
  if (addon !== undefined) return { addon, status: { source: 'addon', tried } }

  const report = explain(tried, cure)
  if (wish === '1')
    throw new SharedMemoryError(`AMORSIZE_NATIVE=1 asks for the native addon, but it cannot be loaded. ${report}`, {
      reason: 'unavailable',
    })
  process.emitWarning(
    `the native addon cannot be loaded, so the same code runs as WebAssembly: a decision takes two to three times as long, and no name is shared with other threads or processes. ${report}`,
    { type: 'AmorsizeWarning', code: 'AMORSIZE_NO_ADDON' },
  )
  return { addon: null, status: { source: 'wasm', tried } }
}

/**
 * The addon's code as WebAssembly, for use if the addon cannot be loaded.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' when its file is missing, or was made from other sources
 */
export function wasmBytes(): Uint8Array {
  let cause: unknown
  try {
    const file = lendingRequire(requireWasm)
    if (file !== undefined && (STAMP === '' || file.stamp === STAMP)) return file.bytes()
  } catch (error) {
    cause = error
  }
  const why = cause === undefined ? 'it is of other sources than this JavaScript' : firstLine(cause)
  throw new SharedMemoryError(
    `neither the native addon nor native/wasm/core.cjs can be loaded (${why}): reinstall amorsize, or in a clone of the repository run "npm run prebuild -- wasm"`,
    { reason: 'unavailable', cause },
  )
}

/** The addon that was compiled in the package's own folder, if there is one. */
function requireBuilt(usable: (path: string) => boolean, failed: (error: unknown) => void): unknown {
  try {
    const path = pathInPackage('build/Release/amorsize.node')
    if (path === undefined || !builtins.fs.existsSync(path) || !usable(path)) return undefined
    return builtins.module.createRequire(path)(path)
  } catch (error) {
    failed(error)
    return undefined
  }
}

/**
 * Loads the addon from where webpack has copied it. Files inside the package were tried before, unless the global object is frozen and
 * no `require` could be lent.
 */
function requireCopied(usable: (path: string) => boolean, failed: (error: unknown) => void): unknown {
  const inPackage = pathInPackage('prebuilds')
  if (inPackage === undefined) return undefined
  for (const path of prebuiltFiles()) {
    if (path.startsWith(inPackage) && Object.isExtensible(globalThis)) continue
    try {
      if (usable(path)) return builtins.module.createRequire(path)(path)
    } catch (error) {
      failed(error)
    }
  }
  return undefined
}

/** Path of a file of the package; undefined if a bundler has joined the package into a program that does not know its own place. */
function pathInPackage(file: string): string | undefined {
  const url = ownUrl()
  // dist/internal/ and dist/bundle/ are two levels below the package's root.
  return url === undefined ? undefined : fileURLToPath(new URL(`../../${file}`, url))
}

/**
 * Calls `load` while the global `require` is that of this file. An ES module has none, and neither has its bundled form; but bundlers
 * recognize only calls of `require` by that name.
 */
function lendingRequire<T>(load: () => T): T | undefined {
  const url = ownUrl()
  if (url === undefined) return load()
  const before = Object.getOwnPropertyDescriptor(globalThis, 'require')
  const value = builtins.module.createRequire(url)
  if (!Reflect.defineProperty(globalThis, 'require', { value, configurable: true, writable: true })) return undefined
  try {
    return load()
  } finally {
    if (before === undefined) delete (globalThis as { require?: unknown }).require
    else Object.defineProperty(globalThis, 'require', before)
  }
}

/** The URL of this code; undefined if a bundler has made something of it that does not know its place. */
const ownUrl = (): string | undefined => import.meta.url

/** The first line of an error's message, without its full stop. The other lines list the files that required a module. */
function firstLine(error: unknown): string {
  return messageOf(error).replace(/\.?(\n[^]*)?$/, '')
}

const FORBIDDEN = 'Node may not load addons. Under --permission add --allow-addons; otherwise take --no-addons away.'
const SCARCE =
  'the system was short of file descriptors or memory as the program first needed the addon: make a limiter as it starts, or raise the limit (ulimit -n), and restart it. Until then a name is one limit in each thread of its own.'
const CROWDED =
  "other addons have taken the room that the C library has for threads' own variables: load amorsize before them, or start Node with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=8192."
const STALE = 'compile the addon again ("npm run compile" in a clone of the repository), or reinstall amorsize.'
const MISSING = [
  'reinstall amorsize on this platform (a node_modules folder copied from another one lacks the file);',
  'or, where a bundler has joined amorsize into the program, have it copy *.node files (esbuild: --loader:.node=copy) or mark amorsize as external: https://github.com/amorsize/amorsize-node/blob/main/docs/platforms.md;',
  'or, with a C++20 compiler and Python, run "tar -xzf dist/native.tgz && npm install --no-save node-addon-api && npx node-gyp rebuild" in the folder of amorsize.',
].join('\n')

function explain(tried: readonly string[], cure: string): string {
  return [
    `This is ${process.platform}-${process.arch}, Node ${process.version}, N-API ${process.versions['napi'] ?? 'unknown'}.`,
    ...tried.map((line) => `Tried: ${line}.`),
    `To mend it: ${cure}`,
    'Or set AMORSIZE_NATIVE=0 to accept WebAssembly without this warning.',
  ].join('\n')
}
