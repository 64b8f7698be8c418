// `npm run format`: one layout for every file, 120 columns. With --check it changes nothing and fails where something differs.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support/project.mjs'
import { run } from './support/run.mjs'

const check = process.argv.includes('--check')

function sourcesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(cc|h)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

const bin = (name) => join(root, 'node_modules', name)
const script = await run(process.execPath, [
  bin('prettier/bin/prettier.cjs'),
  check ? '--check' : '--write',
  '--log-level=warn',
  root,
])
const native = await run(process.execPath, [
  bin('clang-format/index.js'),
  ...(check ? ['--dry-run', '--Werror'] : ['-i']),
  '--style=file',
  ...sourcesBelow('native'),
  ...sourcesBelow(join('test', 'native')),
])
process.exitCode = script.code || native.code || 0
