import { fileURLToPath } from 'node:url'

/** Node's `require`, or a bundler's; a module has one only while it is lent (native.ts). */
declare const require: (path: string) => unknown

/**
 * Loads the prebuilt addon of this system. Every path is written out inside a `try`, and every condition in full: so bundlers see the files,
 * copy them, and can drop those of other systems.
 *
 * @param usable - whether a file, by its path below prebuilds/, may be tried
 * @param failed - called for each that cannot be loaded
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
  // The C library is not asked for: the file of another one fails to load at once.
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
 * The same files by URL. webpack leaves `require` in an ES module alone, but sees these, copies the files and puts in where they are.
 *
 * @returns paths, the likelier file first; none on a system without
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
