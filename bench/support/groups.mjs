// The groups of benchmarks: folders of bench/ with an index.mjs.
import { existsSync, readdirSync } from 'node:fs'

/** What a reader wants to see first. */
const FIRST = ['micro', 'contention', 'pacing', 'waiting']
const folder = new URL('../', import.meta.url)

/** Sorts group names the way they run and are shown: the first ones, then the others by name. */
export function inOrder(names) {
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

/** Returns the names of the groups there are, in order. */
export function existingGroups() {
  const entries = readdirSync(folder, { withFileTypes: true })
  return inOrder(
    entries
      .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/index.mjs`, folder)))
      .map(({ name }) => name),
  )
}
