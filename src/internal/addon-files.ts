import { fileURLToPath } from 'node:url'

/** Node's `require`, or a bundler's. An ES module has one only while native.ts lends it. */
declare const require: (path: string) => unknown

/**
 * Loads the prebuilt addon of this system. Every path and every condition is written out in full, inside a `try`, so that bundlers
 * see the files, copy them, and can drop those of other systems.
 *
 * @param usable - whether a file, by its path below prebuilds/, may be tried
 * @param failed - called with the error of each file that cannot be loaded
 * @returns the addon; undefined if none can be loaded
 */
export function requirePrebuilt(usable: (file: string) => boolean, failed: (error: unknown) => void): unknown {
  try {
    if (process.platform === 'linux' && process.arch === 'x64' && usable('linux-x64/amorsize.glibc.node'))
      return require('../../prebuilds/linux-x64/amorsize.glibc.node')
    if (process.platform === 'linux' && process.arch === 'arm64' && usable('linux-arm64/amorsize.glibc.node'))
      return require('../../prebuilds/linux-arm64/amorsize.glibc.node')
    if (process.platform === 'darwin' && process.arch === 'x64' && usable('darwin-x64/amorsize.node'))
      return require('../../prebuilds/darwin-x64/amorsize.node')
    if (process.platform === 'darwin' && process.arch === 'arm64' && usable('darwin-arm64/amorsize.node'))
      return require('../../prebuilds/darwin-arm64/amorsize.node')
    if (process.platform === 'win32' && process.arch === 'x64' && usable('win32-x64/amorsize.node'))
      return require('../../prebuilds/win32-x64/amorsize.node')
    if (process.platform === 'win32' && process.arch === 'arm64' && usable('win32-arm64/amorsize.node'))
      return require('../../prebuilds/win32-arm64/amorsize.node')
  } catch (error) {
    failed(error)
  }
  // We do not check which C library this is: a file for the wrong one simply fails to load.
  try {
    if (process.platform === 'linux' && process.arch === 'x64' && usable('linux-x64/amorsize.musl.node'))
      return require('../../prebuilds/linux-x64/amorsize.musl.node')
    if (process.platform === 'linux' && process.arch === 'arm64' && usable('linux-arm64/amorsize.musl.node'))
      return require('../../prebuilds/linux-arm64/amorsize.musl.node')
  } catch (error) {
    failed(error)
  }
  return undefined
}

/** The same code as WebAssembly, for every other system. @throws when the file is not there */
export function requireWasm(): { readonly stamp: string; bytes(): Uint8Array } {
  return require('../../native/wasm/core.cjs') as { stamp: string; bytes(): Uint8Array }
}

/**
 * The same files by URL. webpack ignores `require` in an ES module, but it sees these URLs, copies the files and inserts their places.
 *
 * @returns paths, the likelier file first; none on a system without a prebuilt addon
 */
export function prebuiltFiles(): string[] {
  return urls().map((url) => fileURLToPath(url))
}

function urls(): URL[] {
  if (process.platform === 'linux' && process.arch === 'x64')
    return [
      new URL('../../prebuilds/linux-x64/amorsize.glibc.node', import.meta.url),
      new URL('../../prebuilds/linux-x64/amorsize.musl.node', import.meta.url),
    ]
  if (process.platform === 'linux' && process.arch === 'arm64')
    return [
      new URL('../../prebuilds/linux-arm64/amorsize.glibc.node', import.meta.url),
      new URL('../../prebuilds/linux-arm64/amorsize.musl.node', import.meta.url),
    ]
  if (process.platform === 'darwin' && process.arch === 'x64')
    return [new URL('../../prebuilds/darwin-x64/amorsize.node', import.meta.url)]
  if (process.platform === 'darwin' && process.arch === 'arm64')
    return [new URL('../../prebuilds/darwin-arm64/amorsize.node', import.meta.url)]
  if (process.platform === 'win32' && process.arch === 'x64')
    return [new URL('../../prebuilds/win32-x64/amorsize.node', import.meta.url)]
  if (process.platform === 'win32' && process.arch === 'arm64')
    return [new URL('../../prebuilds/win32-arm64/amorsize.node', import.meta.url)]
  return []
}
