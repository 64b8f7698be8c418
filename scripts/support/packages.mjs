// Packages of npm that the package is tried with, each set in a folder of .cache.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'
import { npm } from './run.mjs'

/**
 * @param {string} name - of the folder
 * @param {Record<string, string>} dependencies
 * @param {string[]} [flags] - of npm install
 * @returns {Promise<string>} its node_modules
 */
export async function packages(name, dependencies, flags = []) {
  const folder = join(root, '.cache', name)
  const complete = join(folder, 'complete')
  const wanted = JSON.stringify({ private: true, dependencies })
  if (!existsSync(complete) || readFileSync(complete, 'utf8') !== wanted) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), wanted)
    const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', ...flags]
    const { code, output } = await npm(args, { cwd: folder, quiet: true })
    if (code !== 0) throw new Error(`npm ${args.join(' ')} failed in ${folder}:\n${output}`)
    writeFileSync(complete, wanted)
  }
  return join(folder, 'node_modules')
}
