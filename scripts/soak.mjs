// `npm run test:soak`: what takes too long for every change. Runs each scripts/soak/*.mjs, which print `N passed, N failed`
// at their end, then the vitest files of test/soak and, with more calls, test/gc; ends with one line of counts.
// `npm run test:soak -- <part>...` runs only those scripts or test files that are named, such as `simulation execute`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Tally } from './support/tally.mjs'
import { root } from './support/project.mjs'
import { npm, run } from './support/run.mjs'
import { vitest } from './support/vitest.mjs'

const tally = new Tally()
const wanted = process.argv.slice(2)
const isWanted = (name) => wanted.length === 0 || wanted.includes(name)
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
  const names = namesIn(scripts, '.mjs')
  const files = namesIn(join(root, 'test', 'soak'), '.test.ts')
  const parts = [...names, ...files].map((name) => name.replace(/(\.test\.ts|\.mjs)$/, ''))
  const unknown = wanted.filter((name) => !parts.includes(name))
  if (unknown.length > 0) throw new Error(`no part is named ${unknown.join(', ')}; there are ${parts.join(', ')}`)
  for (const name of names.filter((one) => isWanted(one.slice(0, -'.mjs'.length)))) {
    console.log(`\n# ${name}`)
    tally.printedCounts(name, await run(process.execPath, ['--expose-gc', join(scripts, name)]))
  }
  const wantedFiles = files.filter((one) => isWanted(one.slice(0, -'.test.ts'.length))).map((one) => `test/soak/${one}`)
  if (wantedFiles.length > 0) {
    console.log('\n# vitest')
    const more = wanted.length === 0 ? [] : wantedFiles
    tally.add('vitest', await vitest(['--config', 'vitest.soak.config.ts', ...more]))
  }
}
tally.print()
