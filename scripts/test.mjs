// `npm test`: what a contributor runs before each commit. `npm run test:all` adds the parts that start servers, other programs and many threads.
// `npm test -- <part>...` runs the parts named. Each ends with one line of counts and fails if anything failed.
import { join } from 'node:path'
import { field } from './support/field.mjs'
import { Tally } from './support/tally.mjs'
import { root } from './support/project.mjs'
import { npm, run } from './support/run.mjs'
import { inSteps } from './support/steps.mjs'
import { tools } from './support/tools.mjs'
import { vitest } from './support/vitest.mjs'

const withAddon = process.env.AMORSIZE_NATIVE !== '0'
const tally = new Tally()
const prebuild = join(root, 'scripts', 'prebuild.mjs')
/** The folders of part `unit`, and those that part `integration` leaves to others. */
const UNIT = ['test/unit', 'test/property', 'test/simulation']
const APART = ['test/package', 'test/site']
const quietly = (...args) => npm(args, { quiet: true })

/** What each part does, the minutes it takes on two cores, and its work. */
const parts = {
  // Without the addon a compiler may be missing too: that is whom AMORSIZE_NATIVE=0 is for.
  build: {
    what: withAddon ? 'compiles the addon, TypeScript and the bundle' : 'compiles TypeScript and the bundle',
    minutes: 1,
    async run() {
      const addon = { what: 'the addon', run: () => quietly('run', 'compile:native', '--silent') }
      const script = { what: 'TypeScript and the bundle', run: () => quietly('run', 'compile:ts', '--silent') }
      tally.command('build', await inSteps(withAddon ? [addon, script] : [script]))
    },
  },
  lint: {
    what: 'layout, rules, directions of imports, types',
    minutes: 1,
    run: async () => tally.command('lint', await npm(['run', 'lint', '--silent'])),
  },
  native: {
    what: 'tests of the C++ core: plain, and under the thread and address sanitizers',
    minutes: 2.5,
    async run() {
      if (withAddon) {
        tally.printedCounts('native', await run(process.execPath, [join(root, 'scripts', 'native-tests.mjs')]))
      } else {
        console.log('skipped: AMORSIZE_NATIVE=0')
        tally.add('native', { skipped: 1 })
      }
    },
  },
  unit: {
    what: 'unit and property tests, and the simulation',
    minutes: 2.5,
    run: async () => tally.add('unit', await vitest(UNIT)),
  },
  // Apart from the others: these install packages and start many processes, which would disturb tests that watch the clock.
  package: {
    what: 'packs the package, installs it and uses it by itself',
    minutes: 2,
    async run() {
      if (withAddon) tally.command('prebuild', await run(process.execPath, [prebuild, '--if-stale', '--stand-in']))
      tally.add('package', await vitest(['test/package']))
    },
  },
  integration: {
    what: 'integration, stress, garbage and waiting tests, and the code of the pages',
    minutes: 7,
    isRest: true,
    run: async () =>
      tally.add('integration', await vitest([...UNIT, ...APART].flatMap((name) => ['--exclude', `${name}/**`]))),
  },
  tools: {
    what: 'the packed package through bundlers and Jest',
    minutes: 0.5,
    isRest: true,
    run: async () => tally.add('tools', await tools({ whole: false })),
  },
  field: {
    what: 'real programs by others around the package',
    minutes: 3,
    isRest: true,
    run: async () => tally.add('field', await field({ whole: false })),
  },
}

/** Names for several parts. */
const sets = { vitest: ['unit', 'integration'] }

const isAll = process.argv[2] === '--all'
const named = process.argv.slice(isAll ? 3 : 2).flatMap((name) => sets[name] ?? name)
for (const name of named)
  if (!(name in parts))
    throw new Error(`no part is named ${name}; there are ${[...Object.keys(parts), ...Object.keys(sets)].join(', ')}`)
const wanted = Object.entries(parts).filter(([name, { isRest = false }]) =>
  named.length === 0 ? isAll || !isRest : named.includes(name),
)

const minutes = wanted.reduce((sum, [, part]) => sum + part.minutes, 0)
console.log(`On two cores this takes about ${Math.ceil(minutes)} min:`)
for (const [name, part] of wanted) console.log(`  ${name.padEnd(11)} ${part.what} (about ${part.minutes} min)`)
if (!withAddon) console.log('AMORSIZE_NATIVE=0: tests of the addon are skipped.')

for (const [name, part] of wanted) {
  console.log(`\n# ${name}`)
  const startMs = performance.now()
  try {
    await part.run()
  } catch (error) {
    // A program that is missing, for one. The other parts can still be judged, and the last line must come.
    console.error(error)
    tally.add(name, { failed: 1, failures: [String(error)] })
  }
  console.log(`# ${name} took ${Math.round((performance.now() - startMs) / 1000)} s`)
  // Nothing that follows could be believed.
  if (name === 'build' && tally.failed > 0) break
}
tally.print()
