// Removes the build products named on the command line; each must be a folder of this project.
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const removable = new Set(['dist', 'build', 'build-cmake', 'prebuilds'])

for (const name of process.argv.slice(2)) {
  if (!removable.has(name)) throw new Error(`scripts/clean.mjs removes only ${[...removable].join(', ')}, not ${name}`)
  await rm(new URL(name, `file://${root}`), { recursive: true, force: true })
}
