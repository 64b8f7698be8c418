// The systems that the package holds an addon for, and what such a file may ask of them.
import { readFileSync } from 'node:fs'

const symbols = JSON.parse(readFileSync(new URL('symbols.json', import.meta.url), 'utf8'))

/** @typedef {{ zig: string, os: 'linux' | 'mac' | 'win', needed: RegExp, file: string, flags?: string[] }} Target */

const linux = (arch, libc, file, needed) => ({
  zig: `${arch}-linux-${libc}`,
  os: 'linux',
  file,
  needed,
  flags: ['-fPIC', '-Wl,--gc-sections', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,nodelete'],
})
const glibc = (arch) =>
  linux(
    arch,
    'gnu.2.28',
    'amorsize.glibc.node',
    /^(libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux-[\w-]+\.so\.\d)$/,
  )
const musl = (arch) => linux(arch, 'musl', 'amorsize.musl.node', /^libc\.so$/)
const macos = (arch) => ({
  zig: `${arch}-macos.11.0`,
  os: 'mac',
  file: 'amorsize.node',
  needed: /^\/usr\/lib\/libSystem\.B\.dylib$/,
  flags: ['-Wl,-undefined,dynamic_lookup', '-Wl,-dead_strip'],
})
const windows = (arch) => ({
  zig: `${arch}-windows-gnu`,
  os: 'win',
  file: 'amorsize.node',
  needed: /^(kernel32|advapi32|msvcrt)\.dll$/i,
  flags: ['-Wl,--gc-sections', '-ladvapi32'],
})

/** By folder and file below prebuilds/. @type {Record<string, Target>} */
export const targets = {
  'linux-x64': glibc('x86_64'),
  'linux-arm64': glibc('aarch64'),
  'linux-x64-musl': musl('x86_64'),
  'linux-arm64-musl': musl('aarch64'),
  'darwin-x64': macos('x86_64'),
  'darwin-arm64': macos('aarch64'),
  'win32-x64': windows('x86_64'),
  'win32-arm64': windows('aarch64'),
}

/** The folder of prebuilds/ that a target's file lies in: both C libraries of Linux share one. */
export const folderOf = (name) => name.replace(/-musl$/, '')

/** Functions of Node that an addon calls: Node-API and the few of libuv that are as stable. */
export const ofNode = /^(napi|node_api)_\w+$|^uv_(async_init|async_send|close|ref|unref)$/

/**
 * The functions that an addon takes from its system, all of which symbols.json lists. A name is added there by hand, after a look at since when
 * systems have it.
 *
 * @param {string} name - of the target
 * @returns {string[]}
 */
export const functionsOf = (name) => symbols[name]

/** What Node looks for in an addon, and what another copy of this one does (native/binding/process_host.cc). */
export const offeredNames = ['napi_register_module_v1', 'node_api_module_get_api_version_v1', 'amorsize_process_host']

/** Whether others may find the name in the addon. On Windows names count per library, and Zig hides few of them there. */
export const mayOffer = ({ os }, symbol) => os === 'win' || offeredNames.includes(symbol)
