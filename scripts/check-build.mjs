// Refuses to pack a package without its build, or with one of other sources. Run by `npm pack` and `npm publish`.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import stamp from '../native/binding/stamp.cjs'
import { manifest, root } from './support/project.mjs'

const filesOf = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(filesOf))
const wanted = [manifest.exports, manifest.bin, manifest.main, manifest.types].flatMap(filesOf)
const missing = [...new Set(wanted)].filter((file) => !existsSync(join(root, file)))
const faults =
  missing.length > 0
    ? [`not built: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`]
    : readFileSync(join(root, 'dist', 'internal', 'stamp.js'), 'utf8').includes(stamp)
      ? []
      : ['dist/ was built beside another native/binding: it would refuse the addon']
for (const fault of faults) console.error(`${fault}; run "npm run compile:ts"`)
if (faults.length > 0) process.exitCode = 1
