// `npm test`: builds, lints and runs every suite but the soak; ends with one line of counts and fails if anything failed.
// `npm test -- <part>...` runs only the parts named (build, lint, native, vitest, package, field).
import { join } from 'node:path'
import { field } from './support/field.mjs'
import { Tally } from './support/tally.mjs'
import { root } from './support/project.mjs'
import { npm, run } from './support/run.mjs'
import { vitest } from './support/vitest.mjs'

const withAddon = process.env.AMORSIZE_NATIVE !== '0'
const tally = new Tally()

const parts = {
  // Without the addon a compiler may be missing too: that is whom AMORSIZE_NATIVE=0 is for.
  build: async () => tally.command('build', await npm(['run', withAddon ? 'compile' : 'compile:ts', '--silent'])),
  lint: async () => tally.command('lint', await npm(['run', 'lint', '--silent'])),
  native: async () => {
    if (!withAddon) tally.add('native', { skipped: 1 })
    else tally.printedCounts('native', await run(process.execPath, [join(root, 'scripts', 'native-tests.mjs')]))
  },
  vitest: async () => tally.add('vitest', await vitest(['--exclude', 'test/package/**'])),
  // Apart from the others: these install packages and start many processes, which would disturb tests that watch the clock.
  package: async () => {
    if (withAddon)
      tally.command('prebuild', await run(process.execPath, [join(root, 'scripts', 'prebuild.mjs'), '--if-stale']))
    tally.add('package', await vitest(['test/package']))
  },
  field: async () => tally.add('field', await field({ whole: false })),
}

const wanted = process.argv.slice(2)
for (const name of wanted)
  if (!(name in parts)) throw new Error(`no part is named ${name}; there are ${Object.keys(parts).join(', ')}`)

for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n# ${name}`)
  try {
    await part()
  } catch (error) {
    // A program that is missing, for one. The other parts can still be judged, and the last line must come.
    console.error(error)
    tally.add(name, { failed: 1 })
  }
  // Nothing that follows could be believed.
  if (name === 'build' && tally.failed > 0) break
}
tally.print()
