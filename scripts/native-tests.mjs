// Builds the tests of native/core and runs them, two programs at a time: plain, under ThreadSanitizer, under
// AddressSanitizer with UndefinedBehaviorSanitizer. What each prints is shown when it has ended. The last line is
// `N passed, N failed`. `--soak` lets the long ones run twenty times longer.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from './support/project.mjs'
import { mustRun, run } from './support/run.mjs'

const soak = process.argv.includes('--soak')
const unknown = process.argv.slice(2).filter((argument) => argument !== '--soak')
if (unknown.length > 0) throw new Error(`${unknown.join(' ')}: only --soak is known`)

const build = join(root, 'build-native')
/** The longest first. */
const programs = ['native-tests', 'native-tests-thread', 'native-tests-address']
const sanitizers = {
  TSAN_OPTIONS: 'halt_on_error=1',
  ASAN_OPTIONS: 'detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
}

await mustRun('cmake', ['-S', root, '-B', build, '-DAMORSIZE_NATIVE_TESTS=ON', '-DCMAKE_BUILD_TYPE=None'], {
  quiet: true,
})
await mustRun('cmake', ['--build', build, '--parallel', String(availableParallelism())], { quiet: true })

let passed = 0
let failed = 0
const env = { ...process.env, ...sanitizers }

async function test(program) {
  const path = join(build, 'test', 'native', program)
  if (!existsSync(path)) throw new Error(`${path} was not built`)
  const startMs = performance.now()
  const { code, stdout, output } = await run(path, soak ? ['--effort', '20'] : [], { env, quiet: true })
  console.log(`${program}, ${Math.round((performance.now() - startMs) / 1000)} s:\n${output.trimEnd()}`)
  const counts = /^(\d+) passed, (\d+) failed\n$/m.exec(stdout)
  passed += Number(counts?.[1] ?? 0)
  failed += Number(counts?.[2] ?? 0)
  // A sanitizer ends the program before its last line.
  if (counts === null || (code !== 0 && Number(counts[2]) === 0)) {
    failed++
    console.log(`FAIL ${program} ended with exit code ${code}`)
  }
}
const left = [...programs]
async function testWhatIsLeft() {
  for (let program = left.shift(); program !== undefined; program = left.shift()) await test(program)
}
await Promise.all([testWhatIsLeft(), testWhatIsLeft()])
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
