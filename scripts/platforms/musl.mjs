// Builds the tests of C++ with musl, linked statically so that they run here, and runs them: on this processor, and on arm64 by qemu.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from '../support/project.mjs'
import { mustRun, run } from '../support/run.mjs'
import { step } from '../support/steps.mjs'
import { compilerEnv, installZig } from '../support/zig.mjs'

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
  const options = { env: { ...process.env, ...compilerEnv(triple) }, quiet: true }
  await mustRun('cmake', ['-S', root, '-B', work, '-DAMORSIZE_NATIVE_TESTS=ON', '-DCMAKE_BUILD_TYPE=None'], options)
  await mustRun(
    'cmake',
    ['--build', work, '--target', 'native-tests', '--parallel', String(availableParallelism())],
    options,
  )
  return join(work, 'test', 'native', 'native-tests')
}
