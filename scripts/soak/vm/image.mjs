// Makes what the virtual machine boots: Debian's cloud kernel, and a file system in memory with busybox, this Node and the package.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from '../../support/project.mjs'

const here = import.meta.dirname
const output = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })

/** Downloads a Debian package without installing it, and returns the folder it was unpacked to. */
function unpack(name, folder) {
  const downloads = mkdtempSync(join(folder, 'deb-'))
  output('apt-get', ['download', '-q', name], { cwd: downloads })
  const [file] = readdirSync(downloads).filter((entry) => entry.endsWith('.deb'))
  const unpacked = join(downloads, 'root')
  output('dpkg-deb', ['-x', join(downloads, file), unpacked])
  return unpacked
}

/** `linux-image-cloud-amd64` is empty and depends on the kernel of the day. */
function kernelPackage() {
  const name = /linux-image-\d\S*-cloud-amd64/.exec(output('apt-cache', ['depends', 'linux-image-cloud-amd64']))?.[0]
  if (name === undefined) throw new Error('apt knows no linux-image-cloud-amd64')
  return name
}

/** A program and the shared libraries it loads, at the paths where it looks for them. */
function copyProgram(program, to, rootfs) {
  cpSync(program, join(rootfs, to), { dereference: true })
  for (const [path] of output('ldd', [program]).matchAll(/\/\S+(?= \(0x)/g)) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true })
    cpSync(path, join(rootfs, path), { dereference: true })
  }
}

/** Returns `{ kernel, initramfs, folder }`, all in a new temporary folder. Throws what kept it from being made. */
export function makeImage() {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-vm-'))
  try {
    return { ...fillImage(folder), folder }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function fillImage(folder) {
  const rootfs = join(folder, 'rootfs')
  const app = join(rootfs, 'amorsize')
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'amorsize'])
    mkdirSync(join(rootfs, name), { recursive: true })

  const kernelFolder = join(unpack(kernelPackage(), folder), 'boot')
  const [kernel] = readdirSync(kernelFolder).filter((name) => name.startsWith('vmlinuz'))
  const busybox = join(unpack('busybox-static', folder), 'usr/bin/busybox')
  cpSync(
    existsSync(busybox) ? busybox : join(dirname(dirname(dirname(busybox))), 'bin/busybox'),
    join(rootfs, 'bin/busybox'),
  )
  copyProgram(process.execPath, 'bin/node', rootfs)
  copyProgram('/usr/bin/unshare', 'bin/unshare', rootfs)

  for (const name of ['dist', 'package.json', 'build/Release/amorsize.node']) {
    cpSync(join(root, name), join(app, name), { recursive: true })
  }
  cpSync(join(here, 'guest.mjs'), join(app, 'guest.mjs'))
  writeFileSync(join(rootfs, 'init'), readFileSync(join(here, 'init.sh')), { mode: 0o755 })

  const initramfs = join(folder, 'initramfs.cpio')
  output(
    'sh',
    ['-c', `find . | "$1" cpio -o -H newc > "$2" 2>/dev/null`, 'sh', join(rootfs, 'bin/busybox'), initramfs],
    { cwd: rootfs },
  )
  return { kernel: join(kernelFolder, kernel), initramfs }
}
