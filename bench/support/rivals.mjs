// Who is compared: every file of bench/rivals, ours and the floor first. `npm run compile` replaces this file by a list of them
// where it joins the part that `amorsize bench` needs.
import { readdirSync } from 'node:fs'

const folder = new URL('../rivals/', import.meta.url)
const FIRST = ['node.mjs', 'amorsize.mjs']

const files = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs'))
  .sort((a, b) => FIRST.indexOf(b) - FIRST.indexOf(a) || a.localeCompare(b))

/** Every rival with what it can do; see bench/rivals/README.md. */
export const rivals = await Promise.all(
  files.map(async (file) => {
    const name = file.slice(0, -'.mjs'.length)
    return { name, title: name, role: 'rival', ...(await import(new URL(file, folder))) }
  }),
)

/** Imports a package for measuring it here. */
export const load = (name) => import(name)

/** Those that can do this. */
export function rivalsWith(ability) {
  return rivals.filter((rival) => ability in rival)
}

/** Returns the rival of this name. */
export function rivalNamed(name) {
  const found = rivals.find((rival) => rival.name === name)
  if (found === undefined) throw new RangeError(`bench/rivals has no ${name}.mjs`)
  return found
}
