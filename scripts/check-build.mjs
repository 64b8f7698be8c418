// Refuses to pack a package without its build. Run by `npm pack` and `npm publish`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { manifest, root } from './support/project.mjs'

const filesOf = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(filesOf))
const wanted = [manifest.exports, manifest.bin, manifest.main, manifest.types].flatMap(filesOf)
const missing = [...new Set(wanted)].filter((file) => !existsSync(join(root, file)))
if (missing.length > 0) {
  console.error(
    `not built: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; run "npm run compile:ts"`,
  )
  process.exitCode = 1
}
