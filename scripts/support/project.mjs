// Where the project is and what it says about itself.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of package.json. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The parsed package.json. */
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
