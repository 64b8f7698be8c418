// The real input of the demo: the files below node_modules, in an order that is the same on every machine, and their hash.
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../support/project.mjs'

/** What the API serves and the crawlers fetch. */
export const served = join(root, 'node_modules')

/** More files than this, and the build and the crawl together would take longer than 40 s on a small machine. */
const mostFiles = 6000

/**
 * Lists the installed packages' regular files, sorted by path, without what tools cache there (names with a leading dot).
 *
 * @returns {string[]} paths relative to node_modules, with '/'; at most 6000
 */
export function listFiles() {
  const found = []
  const visit = (folder) => {
    for (const entry of readdirSync(join(served, folder), { withFileTypes: true })) {
      if (folder === '' && entry.name.startsWith('.')) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) found.push(path)
    }
  }
  visit('')
  // Not localeCompare: the order must not depend on the machine's language.
  return found.sort((a, b) => (a < b ? -1 : 1)).slice(0, mostFiles)
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex')

/** One hash over a whole crawl: of the lines "path hash" in the order of the list, whoever fetched what and when. */
export const hashOfAll = (paths, hashes) => sha256(paths.map((path, i) => `${path} ${hashes[i]}\n`).join(''))

/** The hash that a perfect crawl must have, computed from the disk and not over HTTP. */
export async function hashFromDisk(paths) {
  const hashes = []
  for (const path of paths) hashes.push(sha256(await readFile(join(served, path))))
  return hashOfAll(paths, hashes)
}
