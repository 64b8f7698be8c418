// `npm run test:field`: builds, then runs every program of test/field, those that take long too; ends with one line of counts.
import { field } from './support/field.mjs'
import { npm } from './support/run.mjs'
import { Tally } from './support/tally.mjs'

const tally = new Tally()
tally.command('build', await npm(['run', 'compile', '--silent']))
if (tally.failed === 0) tally.add('field', await field({ whole: true }))
tally.print()
