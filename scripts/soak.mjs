// `npm run test:soak`: what takes too long for every change. Runs each scripts/soak/*.mjs, which print `N passed, N failed`
// at their end, then the vitest files of test/soak and, with more calls, test/gc; ends with one line of counts.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Tally } from './support/tally.mjs'
import { root } from './support/project.mjs'
import { npm, run } from './support/run.mjs'
import { vitest } from './support/vitest.mjs'

const tally = new Tally()
const namesIn = (folder, end) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(end))
        .sort()
    : []

console.log('# build')
tally.command('build', await npm(['run', 'compile', '--silent']))
if (tally.failed === 0) {
  const scripts = join(root, 'scripts', 'soak')
  for (const name of namesIn(scripts, '.mjs')) {
    console.log(`\n# ${name}`)
    tally.printedCounts(name, await run(process.execPath, ['--expose-gc', join(scripts, name)]))
  }
  if (namesIn(join(root, 'test', 'soak'), '.test.ts').length > 0) {
    console.log('\n# vitest')
    tally.add('vitest', await vitest(['--config', 'vitest.soak.config.ts']))
  }
}
tally.print()
