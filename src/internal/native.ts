import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedMemoryError } from '../errors.js'
import { builtins } from './builtins.js'
import { describe } from './validate.js'

/**
 * What the addon exports. Each subject (bucket, system, …) declares its part by interface merging next to the code that
 * uses it, so this file need not know them.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by declaration merging
export interface NativeAddon {}

/** What the loader did: for error messages, `amorsize` on the command line, and bug reports. */
export interface NativeStatus {
  /** 'addon' when the compiled code is in use, 'twin' when its TypeScript twin is. */
  readonly source: 'addon' | 'twin'
  /** The file that was loaded, or null. */
  readonly path: string | null
  /** One line for every thing that was tried, and how it ended. */
  readonly tried: readonly string[]
}

interface Loaded {
  readonly addon: NativeAddon | null
  readonly status: NativeStatus
}

/** dist/internal/ is two levels below the package's root. */
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

let loaded: Loaded | undefined

/** The addon, or null where it cannot be loaded or `AMORSIZE_NATIVE=0` forbids it. Loaded on first use. */
export function nativeAddon(): NativeAddon | null {
  return (loaded ??= load()).addon
}

/** Which implementation is in use, and why. */
export function nativeStatus(): NativeStatus {
  return (loaded ??= load()).status
}

function load(): Loaded {
  const wish = process.env['AMORSIZE_NATIVE']
  if (wish !== undefined && !['', '0', '1'].includes(wish)) {
    throw new SharedMemoryError(
      `AMORSIZE_NATIVE must be 0 (never the addon), 1 (never without it) or empty (the addon where it loads); received ${describe(wish)}`,
      { reason: 'unavailable' },
    )
  }
  if (wish === '0')
    return { addon: null, status: { source: 'twin', path: null, tried: ['AMORSIZE_NATIVE=0 forbids the addon'] } }

  const require = builtins.module.createRequire(import.meta.url)
  const nodeGypBuild = require('node-gyp-build') as { resolve(directory: string): string }
  const tried: string[] = []
  try {
    const path = nodeGypBuild.resolve(packageRoot)
    tried.push(`found ${path}`)
    const addon = require(path) as NativeAddon
    return { addon, status: { source: 'addon', path, tried } }
  } catch (error) {
    tried.push(error instanceof Error ? error.message : String(error))
  }
  tried.push(describeFolder('build/Release'), describeFolder('prebuilds'))
  const report = explain(tried)
  if (wish === '1')
    throw new SharedMemoryError(`AMORSIZE_NATIVE=1 asks for the native addon, but it cannot be loaded. ${report}`, {
      reason: 'unavailable',
    })
  process.emitWarning(`the native addon cannot be loaded, so the slower TypeScript twin is used. ${report}`, {
    type: 'AmorsizeWarning',
    code: 'AMORSIZE_NO_ADDON',
  })
  return { addon: null, status: { source: 'twin', path: null, tried } }
}

function describeFolder(name: string): string {
  const { existsSync, readdirSync } = builtins.fs
  const path = join(packageRoot, name)
  return existsSync(path) ? `${path} holds: ${readdirSync(path).join(', ') || 'nothing'}` : `${path} does not exist`
}

function explain(tried: readonly string[]): string {
  return [
    `This is ${process.platform}-${process.arch}, Node ${process.version}, N-API ${process.versions['napi'] ?? 'unknown'}.`,
    ...tried.map((line) => `Tried: ${line}.`),
    'To mend it: reinstall amorsize on this platform (a node_modules folder copied from another one lacks the file);',
    `or, with a C++20 compiler and Python, run "tar -xzf dist/native.tgz && npm install --no-save node-addon-api && npx node-gyp rebuild" in ${packageRoot};`,
    'or set AMORSIZE_NATIVE=0 to accept the twin without this warning.',
  ].join('\n')
}
