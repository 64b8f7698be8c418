import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChild } from './child-process.js'

/** The URLs to which packages resolve from a project; null if one does not resolve. */
export type ResolvedPackages = Readonly<Record<string, string | null>>

/**
 * Flags that evaluate a program's text as a module of the working directory. There `import()` finds the same packages as a module
 * of that project, whichever package manager installed them.
 */
export const evaluateModule: readonly string[] = ['--input-type=module', '--eval']

// A broken package still resolves; then its case fails with the package's own error, which says more.
const PROBE = `
const resolved = {}
for (const name of process.argv.slice(1)) {
  try {
    resolved[name] = (import.meta).resolve(name)
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    resolved[name] = null
  }
}
process.send({ result: resolved }, () => process.exit(0))`

/**
 * Finds which of `names` a module in `directory` can import.
 *
 * @returns for each name the URL it resolves to, or null if it does not resolve
 */
export async function resolvePackages(names: readonly string[], directory: string): Promise<ResolvedPackages> {
  return (await runChild([...evaluateModule, PROBE, ...names], { cwd: directory })) as ResolvedPackages
}

/** Returns the version of the package `name` that `url` belongs to; null if no package.json says it. */
export function versionOf(name: string, url: string): string | null {
  for (let folder = dirname(fileURLToPath(url)); ; folder = dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'))
    if (manifest?.name === name && manifest.version !== undefined) return manifest.version
    if (folder === dirname(folder)) return null
  }
}

/** Returns this package's own version. @throws {Error} when its package.json is missing */
export function ownVersion(): string {
  const version = versionOf('amorsize', import.meta.url)
  if (version === null) throw new Error('the package.json of amorsize is missing beside its dist folder')
  return version
}

interface Manifest {
  readonly name?: string
  readonly version?: string
}

function readManifest(path: string): Manifest | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
