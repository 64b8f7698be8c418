// A copy of what is measured, with one place of the compiled code changed.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['package.json', 'binding.gyp', 'dist', 'scripts', 'bench', 'native']
const LINKED = ['node_modules', 'build', 'src', 'docs']

/**
 * @param {import('./tricks.mjs').Trick | undefined} trick - what is left out; undefined: nothing
 * @returns {{ folder: string, remove: () => void }}
 */
export function variantWithout(trick) {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-variant-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true })
    for (const name of LINKED) symlinkSync(join(root, name), join(folder, name))
    if (trick !== undefined) leaveOut(join(folder, 'dist', 'execute', trick.file), trick)
    execFileSync(process.execPath, [join(folder, 'scripts', 'bundle.mjs')], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } catch (error) {
    remove()
    throw error
  }
  return { folder, remove }
}

function leaveOut(path, { what, code, without }) {
  const parts = readFileSync(path, 'utf8').split(code)
  if (parts.length !== 2) throw new Error(`'${what}': ${path} has the code ${parts.length - 1} times instead of once`)
  writeFileSync(path, parts.join(without))
}
