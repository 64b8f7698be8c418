// Runs the limiter's tests on an addon built with AddressSanitizer and UndefinedBehaviorSanitizer: what JavaScript can make the
// addon do, where scripts/native-tests.mjs looks at native/core alone. The last line is `N passed, N failed, N skipped`.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/project.mjs'
import { npm, run } from '../support/run.mjs'
import { vitest } from '../support/vitest.mjs'

/** In an order that fails early. The garbage collector's tests look at memory that the sanitizer keeps on purpose. */
const suites = [
  'test/unit/rate-limit',
  'test/property/bucket',
  'test/stress/limiter',
  'test/integration/limits/limiter',
]

if (process.platform !== 'linux') {
  console.log('the sanitizer is preloaded, which is done here for Linux only\n0 passed, 0 failed, 1 skipped')
} else {
  const counts = await soak()
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}

async function soak() {
  const folder = join(root, 'build-asan')
  await build(folder)
  // Node itself is not instrumented, so the sanitizer must be there before it; what Node keeps to its end is no leak of ours.
  const library = execFileSync(process.env.CXX ?? 'g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  if (!existsSync(library)) throw new Error(`the compiler has no libasan.so (it says ${library})`)
  Object.assign(process.env, {
    LD_PRELOAD: library,
    ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    AMORSIZE_NATIVE: '1',
  })
  // In the place where the package looks first; the ordinary one waits beside it.
  const place = join(root, 'build', 'Release', 'amorsize.node')
  const ordinary = `${place}.ordinary`
  renameSync(place, ordinary)
  try {
    copyFileSync(join(folder, 'build', 'Release', 'amorsize.node'), place)
    const total = await checkThatItIsUsed(library)
    for (const suite of suites) {
      const counts = await vitest([suite])
      for (const key of Object.keys(total)) total[key] += counts[key] ?? 0
    }
    return total
  } finally {
    renameSync(ordinary, place)
  }
}

async function build(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const name of ['binding.gyp', 'package.json', 'native'])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  const flags = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g'
  // By npm, whose configuration says where Node's headers are.
  const { code, output } = await npm(
    ['exec', '--offline', '--', 'node-gyp', 'rebuild', '--loglevel=warn', `--directory=${folder}`],
    { env: { ...process.env, CXXFLAGS: flags, LDFLAGS: flags }, quiet: true },
  )
  if (code !== 0) throw new Error(`the addon cannot be built with sanitizers:\n${output}`)
}

/** Otherwise all would pass on the ordinary addon, or on WebAssembly: without the sanitizer before it this addon cannot be loaded. */
async function checkThatItIsUsed(library) {
  const module = JSON.stringify(new URL('../../dist/internal/native.js', import.meta.url))
  const code = `import { nativeStatus } from ${module}; console.log(nativeStatus().source)`
  const sourceWith = async (preloaded) => {
    const env = { ...process.env, AMORSIZE_NATIVE: '', LD_PRELOAD: preloaded, NODE_NO_WARNINGS: '1' }
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { env, quiet: true })
    return stdout.trim()
  }
  const [withIt, withoutIt] = [await sourceWith(library), await sourceWith('')]
  const used = withIt === 'addon' && withoutIt !== 'addon'
  if (!used) console.log(`FAIL with the sanitizer it is '${withIt}' that is in use, without it '${withoutIt}'`)
  return { passed: used ? 1 : 0, failed: used ? 0 : 1, skipped: 0 }
}
