// Builds the tests of C++ with musl, linked statically so that they run here, and runs them: on this processor, and on arm64 by qemu.
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/project.mjs'
import { run } from '../support/run.mjs'
import { step } from '../support/steps.mjs'
import { compileAll, installZig, link } from '../support/zig.mjs'

const folder = join(root, 'test', 'native')

/** The sources that test/native/CMakeLists.txt builds into native-tests. */
function sources() {
  const list = /set\(machine_sources ([^)]*)\)/.exec(readFileSync(join(folder, 'CMakeLists.txt'), 'utf8'))
  if (list === null) throw new Error('test/native/CMakeLists.txt names no machine_sources')
  return [
    ...readdirSync(folder)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(folder, name)),
    ...list[1]
      .trim()
      .split(/\s+/)
      .map((name) => join(root, 'native', 'os', name)),
  ]
}

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
export async function musl() {
  await installZig()
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const [arch, runner] of [
    ['x86_64', []],
    ['aarch64', ['qemu-aarch64']],
  ]) {
    const program = await step(`native tests for ${arch}-linux-musl`, () => build(`${arch}-linux-musl`))
    const [command, ...args] = [...runner, program]
    const { code, stdout } = await run(command, args).catch((error) => {
      if (error.code !== 'ENOENT') throw error
      console.log(`skipped: ${command} is not installed (Debian: qemu-user)`)
      return { code: null, stdout: '' }
    })
    if (code === null) {
      counts.skipped++
      continue
    }
    const found = /^(\d+) passed, (\d+) failed\n$/m.exec(stdout)
    counts.passed += Number(found?.[1] ?? 0)
    counts.failed += Number(found?.[2] ?? 0)
    if (found === null || (code !== 0 && Number(found[2]) === 0)) {
      console.log(`FAIL ${program} ended with exit code ${code}`)
      counts.failed++
    }
  }
  return counts
}

async function build(triple) {
  const work = join(root, '.cache', 'musl', triple)
  mkdirSync(work, { recursive: true })
  const flags = ['-std=c++20', '-O2', '-fno-exceptions', '-fno-rtti', `-I${join(root, 'native')}`, `-I${folder}`]
  const program = join(work, 'native-tests')
  await link(triple, await compileAll(triple, sources(), flags, work), ['-static'], program)
  return program
}
